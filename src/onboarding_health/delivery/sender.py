"""Sends the changes of one destination, one after the other, and records each attempt before and after it."""

import json
import logging
import re
import sys
from collections import Counter
from dataclasses import dataclass

import requests
from pyrate_limiter import Duration, Limiter, Rate
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt, wait_exponential_jitter
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from .messages import KeyOutsideOfPath, Message, message
from .store import Change, Destination, Outcome, Store

# It logs addresses, and a webhook's address is a secret.
logging.getLogger("urllib3").setLevel(logging.CRITICAL + 1)

# Too early, too often or in the middle of something: the same request may succeed later.
_LATER = {408, 409, 423, 425, 429}
# The destination refuses the sender and would refuse every change: credentials, address, method.
_STOP = {301, 302, 303, 304, 305, 307, 308, 401, 402, 403, 404, 405, 407, 410, 511}
_WORD = re.compile(r"[A-Za-z]\w{2,}", re.ASCII)
_LONGEST_ERROR = 300


@dataclass(frozen=True)
class Access:
    """Where a destination is and what opens it, from the environment; never printed, logged or stored."""

    address: str
    token: str

    def __repr__(self) -> str:
        return "Access(***)"


def send(store: Store, destination: Destination, access: Access, due: list[Change]) -> Counter:
    """Send what is due at the destination, in this order; returns how many changes were acknowledged, refused, failed or left.

    Changes fail when every attempt of this run did; they stay in the outbox. What is left was not tried: the
    destination refused the sender, or `stop_after_failures` changes in a row failed.
    """
    limiter = Limiter(Rate(destination.requests, Duration.SECOND * destination.per_seconds))
    counts: Counter[str] = Counter()
    failures = 0
    for position, change in enumerate(due):
        outcome = _deliver(store, destination, access, limiter, change)
        counts[outcome.status] += 1
        failures = failures + 1 if outcome.status == "failed" else 0
        if outcome.status == "stopped" or failures == destination.stop_after_failures:
            counts["left"] = len(due) - position - 1
            print(f"{destination.name}: stopped after {outcome.error}. The rest waits for the next run.", flush=True)
            break
    return counts


def _deliver(store: Store, destination: Destination, access: Access, limiter: Limiter, change: Change) -> Outcome:
    back_off = wait_exponential_jitter(
        multiplier=destination.first_wait_seconds,
        jitter=destination.first_wait_seconds,
        max=destination.max_wait_seconds,
    )
    try:
        asked = message(destination, change)
    except KeyOutsideOfPath as error:
        outcome = Outcome("refused", error=str(error))
        store.end(change, store.begin(change), outcome)
        return outcome

    def attempt() -> Outcome:
        limiter.try_acquire(destination.name)
        started_at = store.begin(change)
        outcome = _request(destination, access, asked, change)
        store.end(change, started_at, outcome)
        return outcome

    def outcome_of(state: RetryCallState) -> Outcome:
        assert state.outcome is not None  # attempt() has returned
        return state.outcome.result()

    def wait(state: RetryCallState) -> float:
        asked_for = outcome_of(state).retry_after
        return back_off(state) if asked_for is None else asked_for

    return Retrying(
        stop=stop_after_attempt(destination.max_attempts),
        wait=wait,
        retry=retry_if_result(lambda outcome: outcome.status == "failed"),
        retry_error_callback=outcome_of,
    )(attempt)


class _Secret(requests.auth.AuthBase):
    def __init__(self, header: str, value: str):
        self._header, self._value = header, value

    def __call__(self, request):
        request.headers[self._header] = self._value
        return request


def _request(destination: Destination, access: Access, asked: Message, change: Change) -> Outcome:
    # A connection of its own for each request: a late second answer can then not be taken for that of the next one.
    try:
        answer = requests.request(
            asked.method,
            access.address + asked.path,
            data=asked.body.encode(),
            headers={"Content-Type": "application/json", "Idempotency-Key": change.change_id},
            auth=_Secret(destination.secret_header, " ".join(filter(None, (destination.secret_scheme, access.token)))),
            timeout=destination.timeout_seconds,
            allow_redirects=False,
        )
        return _judge(destination, answer, _names(answer, asked, access))
    except Exception as error:  # An error's text may hold the header or the address, so only its type is kept.
        return Outcome("failed", error=type(error).__name__)


def _names(answer: requests.Response, asked: Message, access: Access) -> str:
    """The words of the request's body that the answer repeats, such as the field that it doesn't like.

    An answer may hold the token or the address in any form: escaped, encoded, cut in two or turned round. So nothing else of
    it is kept, and of these words none that shares text with either.
    """
    secrets = (access.address.casefold(), access.token.casefold())
    asked_for = set(_WORD.findall(asked.body))
    named = [
        word
        for word in dict.fromkeys(_WORD.findall(answer.content.decode("utf-8", "replace")))
        if word in asked_for and not any(word.casefold() in secret or secret in word.casefold() for secret in secrets)
    ]
    return ", ".join(named)[:_LONGEST_ERROR]


def _judge(destination: Destination, answer: requests.Response, names: str = "") -> Outcome:
    code = answer.status_code
    said = f"HTTP {code}, and the answer names {names}" if names else f"HTTP {code}"
    if 200 <= code < 300:
        return _judge_success(destination, answer, said)
    if code in _STOP:
        return Outcome("stopped", code, said)
    if code in _LATER or code >= 500 or code < 200:
        retry_after = _retry_after(answer)
        if retry_after is not None and retry_after > destination.max_wait_seconds:
            return Outcome("stopped", code, f"HTTP {code}: it asks to wait for more than {destination.max_wait_seconds:g} s")
        return Outcome("failed", code, said, retry_after)
    return Outcome("refused", code, said)


def _judge_success(destination: Destination, answer: requests.Response, said: str) -> Outcome:
    code = answer.status_code
    if code == 207:
        return Outcome("refused", code, said)
    if destination.success_field is None or code == 204:
        return Outcome("acknowledged", code)
    try:
        value = answer.json()
        for key in destination.success_field.split("."):
            value = value[key]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Outcome("failed", code, f"the answer doesn't say {destination.success_field}; {said}")
    if (value if isinstance(value, str) else json.dumps(value)) == destination.success_value:
        return Outcome("acknowledged", code)
    return Outcome("refused", code, f"{destination.success_field} is not {destination.success_value}; {said}")


def _retry_after(answer: requests.Response) -> float | None:
    try:
        return Retry(retry_after_max=sys.maxsize).parse_retry_after(answer.headers.get("Retry-After", ""))
    except (InvalidHeader, ValueError, OverflowError):
        return None
