"""The latest decision wins: small companies with their right values, and random ones against a plain replay of the definitions.

A new case is a row of `CASES`: an account of its own in one company that is built once.
"""

import datetime
import json
import math
import random
from collections import defaultdict
from decimal import Decimal

import decisions
import pytest
import warehouse

AS_OF = datetime.date(2025, 9, 30)
MODELS = (
    "dim_accounts", "fct_account_signals", "fct_arr_movements", "rpt_arr_waterfall", "rpt_revenue_retention", "rpt_renewal_rates",
)  # fmt: skip
ORDER = {(row["source"], row["event_type"]): int(row["business_order"]) for row in warehouse.seed_rows()["event_types"]}


# -- rows of the cases: (stream, event type, moment in 2025, payload, further columns) ----------------------------------


def moment(text):
    """A moment of 2025 of "03-10" or "03-10 15:00:00.5"; without a time 09:00."""
    day, _, clock = text.partition(" ")
    return datetime.datetime.fromisoformat(f"2025-{day} {clock or '09:00:00'}")


def start(at, mrr=100, *, of="s", kind="started", seats=5, **more):
    columns = {key: more.pop(key) for key in ("event_id", "account_id", "loaded_at") if key in more}
    payload = {"subscription_id": of, "mrr": mrr, "currency": "USD", "seats": seats, **more}
    return "billing", f"subscription_{kind}", at, payload, columns


def change(at, mrr=100, **more):
    return start(at, mrr, kind="changed", **more)


def renew(at, mrr=100, **more):
    return start(at, mrr, kind="renewed", **more)


def cancel(at, effective, of="s", reason=None, **columns):
    payload = {"subscription_id": of, "effective_on": f"2025-{effective}", "reason": reason}
    return "billing", "subscription_cancelled", at, payload, columns


def issue(at, due, amount=100, of="i", **columns):
    payload = {"invoice_id": of, "amount": amount, "currency": "USD", "due_on": f"2025-{due}"}
    return "billing", "invoice_issued", at, payload, columns


def pay(at, amount=100, of="i", **columns):
    return "billing", "invoice_paid", at, {"invoice_id": of, "amount": amount}, columns


def void(at, of="i", **columns):
    return "billing", "invoice_voided", at, {"invoice_id": of}, columns


def credit(at, amount, of="i", **columns):
    return "billing", "invoice_credited", at, {"invoice_id": of, "amount": amount}, columns


def refund(at, amount, of="i", **columns):
    return "billing", "invoice_refunded", at, {"invoice_id": of, "amount": amount}, columns


def write_off(at, of="i", **columns):
    return "billing", "invoice_written_off", at, {"invoice_id": of}, columns


def sent(at, user="ana", of="v", kind="nps", **columns):
    return "survey", "survey_sent", at, {"survey_id": of, "kind": kind}, {"user_id": user, **columns}


def answer(at, score, user="ana", of="v", kind="nps", **columns):
    payload = {"survey_id": of, "kind": kind, "score": score}
    return "survey", "survey_answered", at, payload, {"user_id": user, **columns}


RUNS = {"churned_on": None, "arr": 1200}
RETURN = ("03 new", "06 churn", "07 reactivation")
PAUSE = ("03 new", "05 contraction", "07 expansion")

# kind -> case -> (events, right values): of dim_accounts, of the signals of the last day or of a day "07-01 arr", and
# `movements`, the months that were not unchanged.
CASES = {
    "cancellations": {
        "withdrawn": (
            [start("03-03"), cancel("05-01", "06-30"), change("05-20")],
            RUNS | {"movements": ("03 new",), "07-01 arr": 1200},
        ),
        "withdrawn_by_a_renewal": (
            [start("03-03"), cancel("05-01", "06-30"), renew("05-20", 200)],
            {"arr": 2400, "churned_on": None},
        ),
        "withdrawn_in_its_second": (
            [start("03-03"), cancel("05-01", "06-30", event_id="z"), change("05-01 09:00:01", event_id="a")],
            RUNS,
        ),
        "taken_back_and_given_again": (
            [start("03-03"), cancel("05-01", "06-30"), change("05-20"), cancel("06-01", "08-31")],
            {"churned_on": "2025-08-31", "movements": ("03 new", "08 churn")},
        ),
        "moved_earlier": ([start("03-03"), cancel("05-01", "06-30"), cancel("05-20", "05-31")], {"churned_on": "2025-05-31"}),
        "moved_later": (
            [start("03-03"), cancel("05-01", "06-30"), cancel("05-20", "08-31")],
            {"churned_on": "2025-08-31", "07-01 arr": 1200},
        ),
        "moved_beyond_today": ([start("03-03"), cancel("05-01", "06-30"), cancel("05-20", "12-31")], RUNS),
        "moved_back_into_the_past": (
            [start("03-03"), cancel("05-01", "06-30"), cancel("05-20", "04-10")],
            {"churned_on": "2025-04-10", "04-09 arr": 1200, "05-01 arr": None},
        ),
        "cancelled_twice": (
            [start("03-03"), cancel("05-01", "06-30"), cancel("06-30", "06-30"), cancel("07-10", "07-10")],
            {"churned_on": "2025-06-30"},
        ),
        "moved_when_it_was_over": (
            [start("03-03"), cancel("05-01", "05-31"), cancel("07-01", "08-31")],
            {"churned_on": "2025-05-31"},
        ),
        "backdated": (
            [start("03-03"), cancel("06-01", "05-01")],
            {"churned_on": "2025-05-01", "04-30 arr": 1200, "05-20 arr": None},
        ),
        "loaded_late": (
            [start("03-03"), cancel("05-01", "06-30", loaded_at="08-01"), change("05-20", loaded_at="05-20")],
            RUNS,
        ),
        "of_nothing": ([start("03-03"), cancel("05-01", "05-01", of="other")], RUNS),
    },
    "what a change omits": {
        "variable_kept": (
            [
                start("03-03", variable_mrr=50), change("05-05", 200), renew("07-01", 200, variable_mrr=25),
                cancel("08-01", "09-01"),
            ],
            {
                "03-03 variable_revenue_annual": 600, "05-05 variable_revenue_annual": 600, "05-05 arr": 2400,
                "07-01 variable_revenue_annual": 300, "09-01 variable_revenue_annual": None,
            },
        ),
        "variable_never_told": ([start("03-03")], {"variable_revenue_annual": None, "arr": 1200}),
        "seats_kept": ([start("03-03"), change("05-05", 200, seats=None)], {"arr": 2400, "seats": 5}),
        "seats_kept_by_a_renewal": ([start("03-03"), renew("05-05", 200, seats=None)], {"seats": 5}),
        "seats_of_a_new_start": ([start("03-03"), cancel("05-01", "05-01"), start("06-01", seats=None)], {"seats": None}),
        "seats_set_to_none_at_all": ([start("03-03"), change("05-05", seats=0)], {"seats": 0}),
        "term_kept": (
            [start("03-03", term_end="2025-12-31"), change("05-05", 200)],
            {"days_to_renewal": 92, "05-04 days_to_renewal": 241},
        ),
        "term_of_a_renewal_without_an_end": (
            [start("03-03", term_end="2025-12-31"), renew("05-05", 200)],
            {"days_to_renewal": None, "05-04 days_to_renewal": 241},
        ),
    },
    "renewals": {
        "last_day_of_the_term": (
            [start("03-03", term_end="2025-10-01")],
            {"days_to_renewal": 1, "arr": 1200, "committed_arr": 1200},
        ),
        "notice_for_the_end_of_the_term": (
            [start("03-03", term_end="2025-08-31"), cancel("06-01", "09-01")],
            {
                "churned_on": "2025-09-01",
                "05-31 days_to_renewal": 92,
                "06-01 days_to_renewal": None,
                "05-31 committed_arr": 1200,
                "06-01 committed_arr": 0,
                "08-31 arr": 1200,
                "arr": 0,
                "renewals": ("churned unknown",),
            },
        ),
        "left_for_a_reason": (
            [start("03-03", term_end="2025-08-31"), cancel("06-01", "09-01", reason=" Price")],
            {"churn_kind": "voluntary", "renewals": ("churned voluntary",)},
        ),
        "left_as_the_card_failed": (
            [start("03-03"), cancel("06-01", "06-01", reason="payment failed")],
            {"churn_kind": "involuntary", "renewals": ()},
        ),
        "course_over": (
            [start("03-03"), cancel("06-01", "06-01", reason="Course completed")],
            {"churn_kind": "completed", "renewals": ()},
        ),
        "two_lines_left_for_two_reasons": (
            [
                start("03-03"),
                start("03-03", of="t"),
                cancel("06-01", "06-01", reason="fraud"),
                cancel("05-01", "06-01", of="t", reason="price"),
            ],
            {"churn_kind": "voluntary"},
        ),
        "left_without_a_word": ([start("03-03"), cancel("06-01", "06-01")], {"churn_kind": "unknown"}),
        "back_again": (
            [start("03-03"), cancel("06-01", "06-01", reason="price"), change("08-01")],
            {"churn_kind": None},
        ),
        "notice_withdrawn": (
            [start("03-03", term_end="2025-12-31"), cancel("06-01", "12-31"), change("06-10")],
            {"06-09 days_to_renewal": None, "06-09 committed_arr": 0, "days_to_renewal": 92, "committed_arr": 1200},
        ),
        "signed_ahead": (
            [
                start("03-03", term_end="2025-08-31"),
                renew("06-15", 120, effective_on="2025-09-01", term_end="2026-08-31"),
            ],
            {
                "06-14 committed_arr": 1200,
                "06-15 committed_arr": 1440,
                "06-14 days_to_renewal": 78,
                "06-15 days_to_renewal": 442,
                "08-31 arr": 1200,
                "arr": 1440,
                "movements": ("03 new", "09 expansion"),
                "renewals": ("renewed_early up", "open"),
            },
        ),
        "signed_ahead_and_changed_before": (
            [
                start("03-03", term_end="2025-08-31"),
                renew("06-15", 120, effective_on="2025-09-01", term_end="2026-08-31"),
                change("07-01", 110),
            ],
            {"07-01 arr": 1320, "07-01 committed_arr": 1440, "arr": 1440},
        ),
        "signed_ahead_and_cancelled": (
            [
                start("03-03", term_end="2025-08-31"),
                renew("06-15", 120, effective_on="2025-09-01", term_end="2026-08-31"),
                cancel("07-01", "09-01"),
            ],
            {"churned_on": "2025-09-01", "07-01 committed_arr": 0, "08-31 arr": 1200},
        ),
        "signed_ahead_and_sent_again": (
            [
                start("03-03", term_end="2025-08-31"),
                renew("06-15", 120, effective_on="2025-09-01", term_end="2026-08-31"),
                renew("07-01", 130, effective_on="2025-09-01", term_end="2026-08-31"),
            ],
            {"06-30 committed_arr": 1440, "committed_arr": 1560, "arr": 1560},
        ),
        "lapsed": (
            [start("03-03", term_end="2025-08-30")],
            {
                "churned_on": "2025-08-31", "08-30 arr": 1200, "arr": 0, "08-31 arr": 0, "08-31 committed_arr": 0,
                "08-30 days_to_renewal": 0, "movements": ("03 new", "08 churn"),
                "renewals": ("lapsed unknown",),
            },
        ),  # fmt: skip
        "in_its_grace": ([start("03-03", term_end="2025-08-31")], RUNS | {"days_to_renewal": None, "committed_arr": 1200}),
        "renewed_in_its_grace": (
            [start("03-03", term_end="2025-05-31"), renew("06-30", 120, term_end="2026-05-31")],
            {"06-15 arr": 1200, "arr": 1440, "movements": ("03 new", "06 expansion"), "renewals": ("renewed_late up", "open")},
        ),
        "renewed_after_its_grace": (
            [start("03-03", term_end="2025-05-31"), renew("07-02", 120, term_end="2026-05-31")],
            {
                "05-31 arr": 1200, "06-15 arr": 0, "07-01 is_subscribed": 0, "arr": 1440, "movements": RETURN,
                "renewals": ("lapsed unknown", "open"),
            },
        ),  # fmt: skip
        "changed_in_its_grace": (
            [start("03-03", term_end="2025-05-31"), change("06-15", 120)],
            {"churned_on": "2025-06-01", "churn_kind": "unknown", "renewals": ("lapsed unknown",)},
        ),
        "runs_on_by_notice": (
            [start("03-03", term_end="2025-05-31"), cancel("06-15", "08-01")],
            {"churned_on": "2025-08-01", "renewals": ("churned unknown",)},
        ),
        "no_end_agreed": ([start("03-03")], RUNS),
        "back_within_the_bridge": (
            [start("03-03"), cancel("05-20", "05-20"), start("06-19", of="t")],
            RUNS | {"06-01 arr": 0, "06-01 is_subscribed": 0, "movements": ("03 new",)},
        ),
        "back_after_the_bridge": (
            [start("03-03"), cancel("05-20", "05-20"), start("06-20", of="t")],
            RUNS | {"movements": ("03 new", "05 churn", "06 reactivation")},
        ),
        "start_ahead": (
            [start("03-03", effective_on="2025-05-01")],
            {"03-03 committed_arr": 1200, "03-03 arr": None, "04-30 is_subscribed": None, "05-01 arr": 1200} | RUNS,
        ),
        "start_ahead_of_today": (
            [start("03-03", effective_on="2025-12-01")],
            {"churned_on": None, "committed_arr": 1200, "arr": None, "movements": ()},
        ),
        "signed_late": (
            [start("03-03"), renew("06-15", 120, effective_on="2025-06-01")],
            {"05-31 arr": 1200, "06-01 arr": 1440, "06-14 committed_arr": 1200, "06-15 committed_arr": 1440},
        ),
    },
    "first days": {
        "void_from_before_its_start": (
            [start("03-10"), cancel("03-20", "03-01")],
            {"churned_on": "2025-03-10", "arr": 0, "movements": ()},
        ),
        "void_and_begun_again": ([start("03-10"), cancel("03-20", "03-01"), start("04-01")], RUNS | {"03-25 arr": None}),
        "cancelled_on_its_first_day": (
            [start("03-03"), cancel("03-03 15:00:00", "03-03")],
            {"churned_on": "2025-03-03", "arr": 0, "segment": "smb"},
        ),
        "cancelled_in_its_first_second": (
            [start("03-03", event_id="zz"), cancel("03-03", "03-03", event_id="aa")],
            {"churned_on": "2025-03-03"},
        ),
        "cancelled_in_its_first_second_other_ids": (
            [start("03-03", event_id="aaa"), cancel("03-03", "03-03", event_id="zzz")],
            {"churned_on": "2025-03-03"},
        ),
        "announced_in_its_first_second": (
            [start("03-03", event_id="zzzz"), cancel("03-03", "06-30", event_id="aaaa")],
            {"churned_on": "2025-06-30", "06-29 arr": 1200},
        ),
        "cancelled_on_its_first_day_and_withdrawn": (
            [start("03-03"), cancel("03-03 10:00:00", "03-03"), change("03-03 11:00:00", 200)],
            {"churned_on": None, "arr": 2400},
        ),
        "one_of_two_lines_cancelled_on_its_first_day": (
            [start("03-03"), start("05-01", of="t"), cancel("05-01 10:00:00", "05-01", of="t")],
            RUNS | {"movements": ("03 new",)},
        ),
    },
    "returns": {
        "changed_after_it_was_over": (
            [start("03-03"), cancel("05-01", "05-31"), change("08-01", 50)],
            {"churned_on": None, "arr": 600, "07-01 arr": 0, "movements": ("03 new", "05 churn", "08 reactivation")},
        ),
        "changed_on_the_day_on_which_it_ended": (
            [start("03-03"), cancel("05-01", "05-31"), change("05-31")],
            RUNS | {"movements": ("03 new",)},
        ),
        "a_new_subscription": (
            [start("03-03"), cancel("05-01", "05-01"), start("08-01", of="t")],
            RUNS | {"07-01 is_subscribed": 0},
        ),
        "without_a_beginning": (
            [change("05-01", 200)],
            {"churned_on": None, "arr": 2400, "started_on": "2025-03-01", "04-30 arr": None},
        ),
        "without_a_beginning_and_cancelled": ([renew("05-01"), cancel("06-01", "06-30")], {"churned_on": "2025-06-30"}),
        "only_cancelled": ([cancel("06-01", "06-30")], {"churned_on": None, "arr": None, "movements": ()}),
    },
    "pauses": {
        "paused": (
            [start("03-03"), change("05-05", 0), change("07-05", 100)],
            RUNS | {"movements": PAUSE, "06-01 arr": 0, "06-01 is_subscribed": 1},
        ),
        "still_paused": (
            [start("03-03"), change("05-05", 0)],
            {"churned_on": None, "arr": 0, "movements": ("03 new", "05 contraction")},
        ),
        "left_while_paused": (
            [start("03-03"), change("05-05", 0), cancel("06-01", "07-15")],
            {"churned_on": "2025-07-15", "movements": ("03 new", "05 contraction", "07 churn")},
        ),
        "free_first": (
            [start("03-03", 0), change("05-05", 100)],
            RUNS | {"movements": ("05 new",)},
        ),
        "one_line_paused": (
            [start("03-03"), start("03-03", 50, of="t"), change("05-05", 0, of="t")],
            RUNS | {"movements": ("03 new", "05 contraction")},
        ),
    },
    "lines": {
        "discount": ([start("03-03"), start("03-03", -20, of="d")], {"arr": 960, "movements": ("03 new",)}),
        "discount_ends": (
            [start("03-03"), start("03-03", -20, of="d"), cancel("05-15", "06-15", of="d")],
            RUNS | {"movements": ("03 new", "06 expansion")},
        ),
        "only_a_discount_is_left": (
            [start("03-03"), start("03-03", -20, of="d"), cancel("05-15", "05-15")],
            {"churned_on": None, "arr": -240, "movements": ("03 new", "05 contraction")},
        ),
        "all_free_by_a_discount": (
            [start("03-03"), start("03-03", -100, of="d")],
            {"churned_on": None, "arr": 0, "movements": ()},
        ),
        "one_of_two_cancelled": (
            [start("03-03"), start("03-03", 50, of="t"), cancel("05-15", "05-31", of="t")],
            RUNS | {"seats": 5, "05-30 seats": 10, "movements": ("03 new", "05 contraction")},
        ),
        "both_cancelled": (
            [start("03-03"), start("03-03", 50, of="t"), cancel("05-15", "05-31", of="t"), cancel("06-15", "06-30")],
            {"churned_on": "2025-06-30", "06-15 arr": 1200},
        ),
    },
    "documents": {
        "same_id": ([start("03-03", of="1")], RUNS),
        "same_id_elsewhere": ([start("04-03", of="1")], RUNS),
        "same_id_cancelled": ([start("04-03", of="1"), cancel("06-01", "06-30", of="1")], {"churned_on": "2025-06-30"}),
        "moved_away": (
            [start("03-03", of="m"), change("06-01", of="m", account_id="moved_to")],
            {"churned_on": "2025-06-01", "05-31 arr": 1200},
        ),
        "moved_to": ([], {"churned_on": None, "arr": 1200, "05-31 arr": None}),
    },
    "invoices": {
        "due_day_moved": (
            [start("03-03"), issue("04-01", "05-01"), issue("04-20", "12-31")],
            {"days_overdue": 0, "06-01 days_overdue": 0},
        ),
        "due_day_moved_when_it_was_over": (
            [start("03-03"), issue("04-01", "05-01"), issue("06-01", "07-01")],
            {"days_overdue": 91, "05-31 days_overdue": 30, "06-01 days_overdue": 0, "unpaid_arr": 1200, "long_unpaid_arr": 1200},
        ),
        "zero": ([start("03-03"), issue("04-01", "05-01", 0)], {"days_overdue": 0, "03-31 days_overdue": None}),
        "credit_note": ([start("03-03"), issue("04-01", "05-01", -50)], {"days_overdue": 0}),
        "made_zero": (
            [start("03-03"), issue("04-01", "05-01"), issue("06-01", "05-01", 0)],
            {"05-31 days_overdue": 30, "days_overdue": 0},
        ),
        "amount_raised_after_payment": (
            [start("03-03"), issue("04-01", "05-01"), pay("04-20"), issue("05-10", "05-15", 150)],
            {"05-10 days_overdue": 0, "days_overdue": 138},
        ),
        "raised_and_paid": (
            [start("03-03"), issue("04-01", "05-01"), pay("04-20"), issue("05-10", "05-15", 150), pay("06-01", 50)],
            {"05-31 days_overdue": 16, "days_overdue": 0},
        ),
        "amount_lowered_to_what_was_paid": (
            [start("03-03"), issue("04-01", "05-01"), pay("04-20", 60), issue("06-01", "05-01", 60)],
            {"05-31 days_overdue": 30, "days_overdue": 0},
        ),
        "paid_in_parts": (
            [start("03-03"), issue("04-01", "05-01"), pay("05-02", 40), pay("06-01", 60)],
            {"05-31 days_overdue": 30, "days_overdue": 0},
        ),
        "a_part_is_missing": ([start("03-03"), issue("04-01", "05-01"), pay("05-02", 99.99)], {"days_overdue": 152}),
        "overpaid": ([start("03-03"), issue("04-01", "05-01"), pay("05-11", 150)], {"05-10 days_overdue": 9, "days_overdue": 0}),
        "refunded": (
            [start("03-03"), issue("04-01", "05-01"), pay("04-20"), pay("06-01", -100)],
            {"05-31 days_overdue": 0, "06-01 days_overdue": 31, "days_overdue": 152},
        ),
        "refunded_and_void": (
            [start("03-03"), issue("04-01", "05-01"), pay("04-20"), pay("06-01", -100), void("06-01")],
            {"days_overdue": 0},
        ),
        "credited_in_part": (
            [start("03-03"), issue("04-01", "05-01"), credit("05-11", 60)],
            {"05-10 overdue_amount": 100, "05-11 overdue_amount": 40, "days_overdue": 152, "payment_delay_days_365d": None},
        ),
        "credited_and_paid": (
            [start("03-03"), issue("04-01", "05-01"), credit("05-11", 60), pay("05-21", 40)],
            {"05-20 payment_delay_days_365d": None, "days_overdue": 0, "overdue_amount": 0, "payment_delay_days_365d": 20},
        ),
        "credited_wholly": (
            [start("03-03"), issue("04-01", "05-01"), credit("05-11", 100)],
            {"days_overdue": 0, "overdue_amount": 0, "payment_delay_days_365d": None},
        ),
        "unpaid_at_the_ends_of_months": (
            [start("03-03"), issue("04-01", "05-10"), pay("09-10")],
            {"unpaid_months": ("2025-06 1200 0", "2025-07 1200 0", "2025-08 1200 1200"), "unpaid_arr": 0},
        ),
        "given_back": (
            [start("03-03"), issue("04-01", "05-01"), pay("04-20"), refund("06-01", 100)],
            {"days_overdue": 0, "overdue_amount": 0, "payment_delay_days_365d": -11},
        ),
        "bounced_and_paid_again": (
            [start("03-03"), issue("04-01", "05-01"), pay("04-20"), pay("06-01", -100), pay("06-10")],
            {"05-31 payment_delay_days_365d": -11, "06-01 payment_delay_days_365d": None, "payment_delay_days_365d": 40},
        ),
        "written_off": (
            [start("03-03"), issue("04-01", "05-01"), pay("04-20", 30), write_off("08-01")],
            {"07-31 overdue_amount": 70, "08-01 overdue_amount": 0, "days_overdue": 0, "payment_delay_days_365d": None},
        ),
        "written_off_and_issued_again": (
            [start("03-03"), issue("04-01", "05-01"), write_off("08-01"), issue("08-10", "08-31")],
            {"08-09 days_overdue": 0, "days_overdue": 30, "overdue_amount": 100, "unpaid_arr": 0, "long_unpaid_arr": 0},
        ),
        "one_early_one_late": (
            [start("03-03"), issue("04-01", "05-01"), pay("04-21"), issue("05-01", "06-01", of="j"), pay("06-26", of="j")],
            {"payment_delay_days_365d": 7.5},
        ),
        "paid_before_it_was_issued": ([start("03-03"), pay("03-31"), issue("04-01", "05-01")], {"days_overdue": 0}),
        "paid_in_the_second_of_its_issue": (
            [start("03-03"), issue("04-01", "05-01", event_id="zi"), pay("04-01", event_id="ai")],
            {"days_overdue": 0},
        ),
        "void": ([start("03-03"), issue("04-01", "05-01"), void("05-11")], {"05-10 days_overdue": 9, "days_overdue": 0}),
        "void_in_the_second_of_its_issue": (
            [start("03-03"), issue("04-01", "05-01", event_id="zv"), void("04-01", event_id="av")],
            {"days_overdue": 0},
        ),
        "void_and_issued_again": (
            [start("03-03"), issue("04-01", "05-01"), void("05-11"), issue("06-01", "06-30")],
            {"05-20 days_overdue": 0, "days_overdue": 92},
        ),
        "void_paid_and_issued_again": (
            [start("03-03"), issue("04-01", "05-01"), void("05-11"), pay("05-20"), issue("06-01", "06-30")],
            {"days_overdue": 0},
        ),
        "the_older_of_two_is_paid": (
            [start("03-03"), issue("04-01", "05-01"), issue("05-01", "06-01", of="j"), pay("07-01")],
            {"06-30 days_overdue": 60, "07-01 days_overdue": 30},
        ),
        "never_issued": ([start("03-03"), pay("04-01")], {"days_overdue": None}),
        "from_before_the_start": ([start("03-10"), issue("02-01", "02-15")], {"03-10 days_overdue": 23}),
        "same_invoice": ([start("03-03"), issue("04-01", "05-01", of="9")], {"days_overdue": 152}),
        "same_invoice_elsewhere": ([start("03-03"), issue("04-01", "05-01", of="9"), pay("04-05", of="9")], {"days_overdue": 0}),
    },
    "surveys": {
        "answered_twice": (
            [start("03-03"), sent("08-01"), answer("08-02", 9), answer("08-02 10:00:00", 3)],
            {"nps_score_180d": 3, "nps_answers_180d": 1, "survey_response_rate_90d": 1, "nps_dropped_users_180d": None},
        ),
        "corrected_on_a_later_day": (
            [start("03-03"), sent("08-01"), answer("08-02", 9), answer("08-20", 3)],
            {
                "08-19 nps_score_180d": 9,
                "nps_score_180d": 3,
                "days_since_nps": 41,
                "survey_response_rate_90d": 1,
                "nps_dropped_users_180d": None,
            },
        ),
        "corrected_months_later": (
            [start("03-03"), sent("03-05"), answer("03-06", 9), answer("07-20", 2)],
            {
                "07-19 nps_score_180d": 9,
                "07-19 survey_response_rate_90d": None,
                "nps_score_180d": 2,
                "survey_response_rate_90d": None,
            },
        ),  # fmt: skip
        "corrected_in_one_second_loaded_late": (
            [
                start("03-03"),
                sent("08-01"),
                answer("08-02", 3, event_id="a9", loaded_at="08-03"),
                answer("08-02", 9, event_id="z9", loaded_at="08-02"),
            ],
            {"nps_score_180d": 3},
        ),  # fmt: skip
        "two_people": (
            [start("03-03"), sent("08-01"), sent("08-01", "ben"), answer("08-02", 9), answer("08-02", 3, "ben")],
            {"nps_answers_180d": 2, "nps_score_180d": 6, "survey_response_rate_90d": 1},
        ),
        "nobody_by_name": (
            [start("03-03"), sent("08-01", None), answer("08-02", 9, None), answer("08-03", 3, None)],
            {"nps_score_180d": 3, "survey_response_rate_90d": 1},
        ),
        "two_surveys": (
            [start("03-03"), sent("08-01"), sent("08-10", of="w"), answer("08-02", 9), answer("08-11", 3, of="w")],
            {"nps_score_180d": 6, "nps_last_score_180d": 3, "nps_dropped_users_180d": 1, "survey_response_rate_90d": 1},
        ),
        "two_kinds": (
            [start("03-03"), sent("08-01"), answer("08-02", 9), answer("08-03", 2, kind="csat")],
            {"nps_score_180d": 9, "csat_score_90d": 2, "csat_90d": 0, "survey_response_rate_90d": 1},
        ),
        "never_sent": ([start("03-03"), answer("08-02", 9)], {"nps_score_180d": 9, "survey_response_rate_90d": None}),
        "satisfied": (
            [start("03-03")]
            + [answer("07-10", score, of=of, kind="csat") for of, score in zip("abcd", (3, 3, 3, 3), strict=True)]
            + [answer("04-02", score, of=of, kind="csat") for of, score in zip("efgh", (5, 5, 1, 1), strict=True)],
            {"04-09 csat_90d": 0.5, "04-09 csat_score_90d": 3, "csat_90d": 0, "csat_score_90d": 3},
        ),
        "asked_long_ago": (
            [start("03-03"), sent("09-25", of="late")]
            + [sent("07-01", of=str(n)) for n in range(10)]
            + [answer("07-03", 9, of=str(n)) for n in range(3)],
            {"09-24 survey_response_rate_90d": Decimal("0.3"), "survey_response_rate_90d": 0},
        ),
        "answered_after_a_while": (
            [start("03-03"), sent("08-01"), sent("08-01", "ben"), answer("08-20", 9)],
            {"08-19 survey_response_rate_90d": 0, "survey_response_rate_90d": 0.5},
        ),
        "nobody_dropped": (
            [start("03-03"), answer("07-01", 8), answer("08-01", 5, "ben", of="w")],
            {"nps_dropped_users_180d": None},
        ),
        "dropped": ([start("03-03"), answer("07-01", 8), answer("08-01", 5, of="w")], {"nps_dropped_users_180d": 1}),
        "dropped_a_little": ([start("03-03"), answer("07-01", 8), answer("08-01", 6, of="w")], {"nps_dropped_users_180d": 0}),
        "dropped_and_came_back": (
            [start("03-03"), answer("07-01", 8), answer("08-01", 5, of="w"), answer("09-01", 8, of="x")],
            {"08-31 nps_dropped_users_180d": 1, "nps_dropped_users_180d": 0},
        ),
        "dropped_long_ago": (
            [start("03-03"), answer("03-10", 9), answer("08-01", 5, of="w")],
            {"09-05 nps_dropped_users_180d": 1, "09-06 nps_dropped_users_180d": None},
        ),
        "few_answers": (
            [start("03-03"), answer("07-01", 10), answer("07-01", 10, "ben"), answer("08-01", 0, "eve")],
            {
                "07-31 nps_answers_180d": 2,
                "07-31 nps_180d": None,
                "nps_answers_180d": 3,
                "nps_180d": Decimal("33.333333"),
                "03-04 nps_answers_180d": 0,
            },
        ),
        "sent_again": (
            [start("03-03"), sent("06-01"), sent("08-01"), answer("08-02", 9)],
            {"08-29 survey_response_rate_90d": 1, "09-15 survey_response_rate_90d": None},
        ),
        "sent_before_the_start_and_again": (
            [start("08-01"), sent("07-01"), sent("08-05"), answer("08-06", 9)],
            {"survey_response_rate_90d": 1},
        ),
    },
}


def all_rows():
    """(case, stream, event) of all cases, and the accounts; what tells the last day stands in an account of its own."""
    cases = {name: case for group in CASES.values() for name, case in group.items()}
    for number, (name, (events, _)) in enumerate([*cases.items(), ("today", ([], {}))]):
        day = {"without_a_beginning": "03-01"}.get(name, "01-15")
        yield "crm", event_row(f"c{number}", name, "account_created", day, {"name": name}, {})
        for place, (stream, event_type, at, payload, columns) in enumerate(events):
            yield stream, event_row(f"e{number}-{place}", name, event_type, at, payload, columns)
    yield "crm", event_row("today", "today", "note_logged", "09-30 12:00:00", {"topic": "x"}, {})


def event_row(event_id, account, event_type, at, payload, columns):
    row = {"event_id": event_id, "account_id": account, "user_id": None, "loaded_at": at} | columns
    row |= {"event_type": event_type, "payload": json.dumps(payload), "occurred_at": moment(at)}
    return row | {"loaded_at": max(moment(row["loaded_at"]), moment(at))}


@pytest.fixture(scope="module")
def house():
    events = defaultdict(list)
    for stream, row in all_rows():
        events[stream].append(row)
    scales = [{**row, "min_answers": row["min_answers"] and "3"} for row in warehouse.seed_rows()["survey_scales"]]
    with warehouse.build(warehouse.raw_frames(events), seeds={"survey_scales": scales}, needed=MODELS) as connection:
        assert connection.execute("select as_of from base_build_moment").fetchone()[0] == AS_OF
        assert connection.execute("select count(*) from base_resolved_events where reject_reason is not null").fetchone()[0] == 0
        yield connection


def told(connection, account, name):
    """The right value's counterpart: of dim_accounts, of the signals of a day, or the movements."""
    if name == "movements":
        rows = connection.execute(
            "select strftime(month_start, '%m') || ' ' || movement from fct_arr_movements "
            "where account_id = ? and movement <> 'unchanged' order by month_start",
            [account],
        ).fetchall()
        return tuple(row[0] for row in rows)
    if name == "unpaid_months":
        rows = connection.execute(
            "select strftime(month_start, '%Y-%m'), unpaid_arr::int, long_unpaid_arr::int from fct_arr_movements "
            "where account_id = ? and unpaid_arr > 0 order by month_start",
            [account],
        ).fetchall()
        return tuple(" ".join(map(str, row)) for row in rows)
    if name == "renewals":
        rows = connection.execute(
            "select outcome, coalesce(repricing, churn_kind) from fct_renewals where account_id = ? order by term_starts_on",
            [account],
        ).fetchall()
        return tuple(" ".join(word for word in row if word) for row in rows)
    if name in ("churned_on", "started_on", "segment", "arr", "unpaid_arr", "long_unpaid_arr", "churn_kind"):
        (value,) = connection.execute(f"select {name} from dim_accounts where account_id = ?", [account]).fetchone()
        return str(value) if isinstance(value, datetime.date) else value
    *day, signal = name.split(" ")
    day = f"2025-{day[0]}" if day else str(AS_OF)
    row = connection.execute(
        f"select {signal} from fct_account_signals where account_id = ? and date_day = ?", [account, day]
    ).fetchone()
    return row and row[0]


@pytest.mark.parametrize(
    ("case", "right"),
    [pytest.param(name, right, id=f"{kind}-{name}") for kind, group in CASES.items() for name, (_, right) in group.items()],
)
def test_the_case_has_its_right_values(house, case, right):
    assert {name: told(house, case, name) for name in right} == right


def test_movements_end_with_the_arr_of_the_accounts_and_add_up(house):
    (different,) = house.execute(
        "select count(*) from dim_accounts left join fct_arr_movements on dim_accounts.account_id = fct_arr_movements.account_id "
        "and dim_accounts.as_of = fct_arr_movements.month_end where coalesce(dim_accounts.arr, 0) <> coalesce(end_arr, 0)"
    ).fetchone()
    (churns,) = house.execute(
        "select count(*) from dim_accounts left join (from fct_arr_movements select account_id, max_by(movement, month_start) as "
        "last_movement group by account_id) using (account_id) where (churned_on is not null) <> (last_movement = 'churn')"
    ).fetchone()
    (uneven,) = house.execute(
        "select count(*) from rpt_arr_waterfall where start_arr + new_arr + reactivation_arr + expansion_arr - contraction_arr "
        "- churned_arr <> end_arr or start_accounts + new_accounts + reactivated_accounts - churned_accounts <> end_accounts"
    ).fetchone()
    assert (different, churns, uneven) == (0, 0, 0)


# -- random companies, night by night, against a replay ------------------------------------------------------------------

FIRST = datetime.datetime(2025, 1, 10)
DAYS = 130
NIGHTS = 4
RATES = {"USD": Decimal("1"), "EUR": Decimal("1.08")}
DAY = datetime.timedelta(days=1)
LAST_DAY = datetime.date.max
SETTINGS = warehouse.seed_rows()["billing_settings"][0]
MIN_ANSWERS = next(int(row["min_answers"]) for row in warehouse.seed_rows()["survey_scales"] if row["kind"] == "nps")
GRACE, BRIDGED = int(SETTINGS["lapse_grace_days"]), int(SETTINGS["bridged_lapse_days"])
BILLING = (
    "is_subscribed", "arr", "committed_arr", "seats", "days_overdue", "overdue_amount", "payment_delay_days_365d",
    "days_to_renewal",
)  # fmt: skip
SURVEY = (
    "nps_answers_180d", "nps_180d", "nps_score_180d", "nps_last_score_180d", "nps_dropped_users_180d", "days_since_nps",
    "csat_answers_90d", "csat_90d", "csat_score_90d", "days_since_csat", "survey_response_rate_90d",
)  # fmt: skip


def drawn(rng):
    """The rows of a company whose systems decide, correct and move a lot, in odd orders: by stream."""
    rows = defaultdict(list)
    accounts = [f"a{n}" for n in range(9)]

    def add(stream, event_type, account, at, payload, user=None):
        loaded = at + datetime.timedelta(hours=rng.choice((0, 0, 0, 1, 24, 24 * 30)))
        event_id = f"{rng.randrange(16**9):09x}"
        rows[stream].append(
            {
                "event_id": event_id, "event_type": event_type, "account_id": account, "user_id": user,
                "occurred_at": at, "loaded_at": loaded, "payload": json.dumps(payload),
            }
        )  # fmt: skip

    def at():
        return FIRST + rng.randrange(DAYS) * DAY + datetime.timedelta(seconds=rng.choice((0, 0, 32400, 32401, 86399)))

    def near(moment):
        return moment + rng.choice((0, 0, 0, 1, 1, 9, 30, 60)) * DAY + datetime.timedelta(seconds=rng.choice((0, 0, 1)))

    def on(moment, *days):
        return str(moment.date() + rng.choice(days) * DAY)

    for account in accounts:
        add("crm", "account_created", account, FIRST - 9 * DAY + rng.randrange(60) * DAY, {})
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            owner, subscription = account, str(rng.randrange(4))
            moment, kind = at(), rng.choice(("started", "started", "started", "changed"))
            for _ in range(rng.randrange(1, 6)):
                payload = {"subscription_id": subscription}
                if kind == "cancelled":
                    payload["effective_on"] = on(moment, 0, 0, 1, 20, 40, -3, -60)
                else:
                    payload |= {"mrr": rng.choice((0, 10, 33.33, -5)), "currency": rng.choice(list(RATES))}
                    payload |= {"seats": 7} if rng.random() < 0.5 else {}
                    payload |= {"term_end": on(moment, -9, 5, 30, 400)} if rng.random() < 0.5 else {}
                    payload |= {"effective_on": on(moment, -20, 0, 3, 20, 60)} if rng.random() < 0.3 else {}
                add("billing", f"subscription_{kind}", owner, moment, payload)
                moment = near(moment)
                kind = rng.choice(("changed", "renewed", "cancelled", "cancelled", "started"))
                owner = rng.choice((owner,) * 9 + tuple(accounts))
        for _ in range(rng.randrange(4)):
            owner, invoice, moment = account, str(rng.randrange(5)), at()
            kind = rng.choice(("issued", "issued", "issued", "paid"))
            for _ in range(rng.randrange(1, 6)):
                payload = {"invoice_id": invoice}
                if kind == "issued":
                    payload |= {"amount": rng.choice((100, 100, 0, -10, 60)), "currency": "USD"}
                    payload |= {"due_on": on(moment, -5, 0, 10, 60)}
                elif kind == "paid":
                    payload["amount"] = rng.choice((100, 60, 40, -40, 99.99))
                elif kind in ("credited", "refunded"):
                    payload["amount"] = rng.choice((100, 60, 40))
                add("billing", f"invoice_{kind}", owner, moment, payload)
                moment = near(moment)
                kind = rng.choice(("issued", "paid", "paid", "voided", "credited", "written_off", "refunded"))
                owner = rng.choice((owner,) * 9 + tuple(accounts))
        for _ in range(rng.randrange(9)):
            moment, payload = at(), {"survey_id": rng.choice("vw"), "kind": rng.choice(("nps", "nps", "csat"))}
            user = rng.choice(("ana", "ben", None))
            for kind in rng.choice((("sent",), ("answered",), ("sent", "answered"), ("sent", "answered", "answered"))):
                score = {"score": rng.randrange(1, 6) if payload["kind"] == "csat" else rng.randrange(11)}
                add("survey", f"survey_{kind}", account, moment, payload | (score if kind == "answered" else {}), user)
                moment = near(moment)
    return rows


def half_up(value, places=6):
    return None if value is None else math.floor(float(value) * 10**places + 0.5 + 1e-6) / 10**places


def share(part, whole):
    return half_up(part / whole) if whole else None


class Replay:
    """What definitions.md says of these rows, read in plain loops."""

    def __init__(self, rows):
        self.known_at = max(row["loaded_at"] for stream in rows.values() for row in stream)
        self.as_of = self.known_at.date()
        self.events = [
            row | json.loads(row["payload"]) | {"source": source, "business_order": ORDER[source, row["event_type"]]}
            for source, stream in rows.items()
            for row in stream
            if row["occurred_at"].date() <= self.as_of
        ]
        created = self.of("account_created")
        known = {event["account_id"] for event in created}
        self.events = decisions.in_business_order(event for event in self.events if event["account_id"] in known)
        for event in self.events:
            event["day"] = event["occurred_at"].date()
            if event["event_type"].startswith("subscription"):
                stated = event.get("effective_on")
                event["effective_on"] = datetime.date.fromisoformat(stated) if stated else None
        self.signed = []
        self.periods = self.all_periods()
        self.accounts = {account: self.span(account, created) for account in known}

    def of(self, *event_types):
        return [event for event in self.events if event["event_type"] in event_types]

    def documents(self, key, begins):
        """document -> its events: an id is one document per account that begins it; others belong to the only such one."""
        begun = defaultdict(set)
        for event in self.of(begins):
            begun[event[key]].add(event["account_id"])
        found = defaultdict(list)
        for event in self.events:
            if key in event:
                account, owners = event["account_id"], begun[event[key]]
                owner = account if account in owners or len(owners) != 1 else min(owners)
                found[owner, event[key]].append(event)
        return found

    def all_periods(self):
        """(account, first day, first day after or None, event of the terms) of every stretch of terms."""
        periods = []
        for events in self.documents("subscription_id", "subscription_started").values():
            events = list(decisions.known_terms(events))
            entries = decisions.timeline(events)
            ends = [day for day, _ in entries[1:]] + [None]
            lapses = decisions.lapses(events, GRACE, self.as_of)
            own = [
                (terms["account_id"], day, min(end or LAST_DAY, lapses[day]) if day in lapses else end, terms)
                for (day, terms), end in zip(entries, ends, strict=True)
                if terms and day < lapses.get(day, LAST_DAY)
            ]
            terms = [event for event in events if event["event_type"] != "subscription_cancelled"]
            if terms and not own:
                first = terms[0]["effective_on"] or terms[0]["day"]
                own = [(terms[0]["account_id"], first, first, terms[0])]
            periods += own
            lapsed = {id(terms): lapses[day] for day, terms in entries if day in lapses}
            self.signed += self.last_signed(events, lapsed)
        return periods

    @staticmethod
    def last_signed(events, lapsed):
        """(account, first day, first day after or None, event of the terms) of what was signed last, day by day."""
        for number, event in enumerate(events, 1):
            until = events[number]["day"] if number < len(events) else None
            last = decisions.timeline(events[:number])[-1][1]
            lapsed_on = lapsed.get(id(last), LAST_DAY)
            if last and until != event["day"] and event["day"] < lapsed_on:
                until = min(until or LAST_DAY, lapsed_on)
                until = None if until == LAST_DAY else until
                yield last["account_id"], event["day"], until, last

    def covering(self, account, day):
        return [
            terms for owner, since, end, terms in self.periods if owner == account and since <= day and (end is None or day < end)
        ]

    def span(self, account, created):
        starts = [event for event in self.of("subscription_started") if event["account_id"] == account]
        starts = starts or [event for event in created if event["account_id"] == account]
        started_on = min(event["occurred_at"] for event in starts).date()
        own = [period for period in self.periods if period[0] == account and period[1] <= self.as_of]
        churned_on = max(period[2] for period in own) if own and not self.covering(account, self.as_of) else None
        return started_on, churned_on, max(churned_on or self.as_of, started_on)

    @staticmethod
    def amount(terms):
        return half_up(12 * Decimal(str(terms["mrr"])) * RATES[terms["currency"]], 2)

    def billing(self, account, day):
        terms = self.covering(account, day)
        first = min((since for owner, since, *_ in self.periods if owner == account), default=None)
        if first is None or day < first:
            subscribed = arr = seats = None
        else:
            subscribed = int(bool(terms))
            arr = half_up(sum(self.amount(t) for t in terms), 2)
            counts = [t["seats"] for t in terms if "seats" in t]
            seats = sum(counts) if counts else None if terms else 0
        signed = [row for row in self.signed if row[0] == account and row[1] <= day]
        running = [row[3] for row in signed if row[2] is None or day < row[2]]
        committed = half_up(sum(self.amount(t) for t in running), 2) if signed else None
        ends = [datetime.date.fromisoformat(t["term_end"]) for t in running if "term_end" in t]
        left = [(end - day).days for end in ends if end >= day]
        return subscribed, arr, committed, seats, *self.overdue(account, day), min(left) if left else None

    def overdue(self, account, day):
        """Days overdue, the amount, and the mean delay of what was paid in a year."""
        issued, late, owed, delays = False, [0], 0, []
        for events in self.documents("invoice_id", "invoice_issued").values():
            issues = [event for event in events if event["event_type"] == "invoice_issued"]
            if issues[-1:] and issues[-1]["account_id"] == account and issues[0]["day"] <= day:
                issued = True
                left, due_on, _ = self.invoice(events, day)
                if left > 0 and day > due_on:
                    late.append((day - due_on).days)
                    owed += left
                paid_on = day
                while self.invoice(events, paid_on)[2]:
                    paid_on -= DAY
                if paid_on < day and (day - paid_on).days <= 365:
                    delays.append((paid_on + DAY - due_on).days)
        return (max(late), float(owed), share(sum(delays), len(delays))) if issued else (None, None, None)

    @staticmethod
    def invoice(events, day):
        """What is owed, when it is due, and whether it is paid to the end, at the end of a day."""
        seen = [event for event in events if event["day"] <= day]
        issues = [event for event in seen if event["event_type"] == "invoice_issued"]
        if not issues:
            return 0, None, False
        due_on = datetime.date.fromisoformat(issues[-1]["due_on"])
        sums = defaultdict(Decimal)
        for event in seen:
            sums[event["event_type"]] += Decimal(str(event.get("amount", 0)))
        amount = Decimal(str(issues[-1]["amount"]))
        last_issue = max(number for number, event in enumerate(seen) if event["event_type"] == "invoice_issued")
        given_up = any(event["event_type"] in ("invoice_voided", "invoice_written_off") for event in seen[last_issue:])
        if amount <= 0 or given_up:
            return 0, due_on, False
        left = amount - sums["invoice_paid"] - sums["invoice_credited"]
        return max(left, 0), due_on, left <= 0 < sums["invoice_paid"]

    def survey(self, account, day):
        started_on = self.accounts[account][0]
        given, asked = {}, {}
        for event in self.of("survey_sent", "survey_answered"):
            if event["account_id"] == account and started_on <= event["day"] <= day:
                key = event["survey_id"], event["kind"], event["user_id"]
                if event["event_type"] == "survey_sent":
                    asked.setdefault(key, event)
                else:
                    given[key] = event

        def within(events, days, *kinds):
            return [e for e in events if e["kind"] in kinds and (day - e["day"]).days < days]

        nps, csat = within(given.values(), 180, "nps"), within(given.values(), 90, "csat")
        by_day = defaultdict(list)
        for event in nps:
            by_day[event["day"]].append(event["score"])
        means = {since: share(sum(scores), len(scores)) for since, scores in by_day.items()}
        balance = sum((e["score"] >= 9) - (e["score"] <= 6) for e in nps)
        of_user = defaultdict(list)
        for event in decisions.in_business_order(e for e in nps if e["user_id"]):
            of_user[event["user_id"]].append(event["score"])
        fell = [scores[-1] < 6 and max(scores[:-1]) >= 8 for scores in of_user.values() if len(scores) > 1]
        asked_lately = [key for key, event in asked.items() if (day - event["day"]).days < 90]
        return (
            len(nps),
            share(100 * balance, len(nps)) if len(nps) >= MIN_ANSWERS else None,
            share(sum(e["score"] for e in nps), len(nps)),
            means[max(means)] if means else None,
            sum(fell) if fell else None,
            (day - max(means)).days if means else None,
            len(csat),
            share(sum(e["score"] >= 4 for e in csat), len(csat)),
            share(sum(e["score"] for e in csat), len(csat)),
            (day - max(e["day"] for e in csat)).days if csat else None,
            share(sum(key in given for key in asked_lately), len(asked_lately)),
        )

    def days(self):
        """(account, day) -> its billing and survey signals."""
        signals = {}
        for account, (started_on, _, ended_on) in self.accounts.items():
            for number in range((ended_on - started_on).days + 1):
                day = started_on + number * DAY
                signals[account, day] = self.billing(account, day) + self.survey(account, day)
        return signals

    def bridged(self, account, day):
        """The terms that count on a day for the months: those of the day, or of before an interruption that was short."""
        terms = self.covering(account, day)
        own = [period for period in self.periods if period[0] == account and period[1] != period[2]]
        since = max((period[2] for period in own if period[2] and period[2] <= day), default=None)
        back = min((period[1] for period in own if day < period[1] <= self.as_of), default=None)
        if not terms and since and back and (back - since).days <= BRIDGED:
            terms = [period[3] for period in own if period[2] == since]
        return terms

    def movements(self):
        """(account, month) -> movement, start and end ARR, from the ARR and the terms at the ends of months."""
        first = min((since for _, since, *_ in self.periods), default=self.as_of)
        days = [first + n * DAY for n in range((self.as_of - first).days + 1)]
        ends = [day for day in days if day == self.as_of or (day + DAY).day == 1]
        found = {}
        for account in self.accounts:
            before, start, paid = False, 0, False
            for day in ends:
                terms = self.bridged(account, day)
                after, end = bool(terms), half_up(sum(self.amount(t) for t in terms), 2)
                kind = None
                if not paid:
                    kind = "new" if end else None
                elif not before:
                    kind = "reactivation" if after else None
                elif not after:
                    kind = "churn"
                else:
                    kind = "unchanged" if end == start else "expansion" if end > start else "contraction"
                if kind:
                    paid = True
                    found[account, day.replace(day=1)] = (kind, start, end)
                before, start = after, end
        return found


def plain(row):
    return tuple(float(value) if isinstance(value, Decimal) else value for value in row)


def check(connection, rows):
    replay = Replay(rows)
    spans = connection.execute("select account_id, started_on, churned_on, ended_on from int_accounts").fetchall()
    assert {row[0]: row[1:] for row in spans} == replay.accounts
    periods = connection.execute("select account_id, starts_on, ends_on, arr from int_subscription_periods")
    expected = [
        (account, since, end, replay.amount(terms)) for account, since, end, terms in replay.periods
    ]
    assert sorted(map(plain, periods.fetchall()), key=str) == sorted(expected, key=str)
    signals = connection.execute(
        f"select account_id, date_day, {', '.join(BILLING + SURVEY)} from int_billing_signals "
        "full join int_engagement_signals using (account_id, date_day)"
    ).fetchall()
    found = {row[:2]: plain(row[2:]) for row in signals}
    for key, values in replay.days().items():
        assert dict(zip(BILLING + SURVEY, found.pop(key), strict=True)) == dict(zip(BILLING + SURVEY, values, strict=True)), key
    assert not found
    movements = connection.execute(
        "select account_id, month_start, movement, start_arr, end_arr from fct_arr_movements"
    ).fetchall()
    assert {row[:2]: plain(row[2:]) for row in movements} == replay.movements()
    return replay


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(warehouse.examples(2)))
def test_every_night_equals_the_replay(seed):
    rng = random.Random(seed)
    company = drawn(rng)
    loads = sorted(row["loaded_at"] for rows in company.values() for row in rows)
    edges = [loads[len(loads) * night // NIGHTS - 1] for night in range(1, NIGHTS)] + [loads[-1]]
    house = warehouse.Nightly(
        needed=("int_accounts", "int_billing_signals", "int_engagement_signals", "int_subscription_periods", "fct_arr_movements")
    )
    before = datetime.datetime.min
    for edge in edges:
        house.load(
            warehouse.raw_frames(
                {stream: [row for row in rows if before < row["loaded_at"] <= edge] for stream, rows in company.items()}
            )
        )
        before = edge
        house.build()
        replay = check(
            house.connection,
            {stream: [row for row in rows if row["loaded_at"] <= edge] for stream, rows in company.items()},
        )
    assert len(replay.periods) > 5 and len(replay.movements()) > 5
