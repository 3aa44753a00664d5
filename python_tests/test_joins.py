"""No model compares each row with each: DuckDB plans an outer join by nested loops where its condition is more than comparisons
of one side with the other, such as a condition on the left side alone. Pairs grow with the square of accounts times days."""

import json

import warehouse

# Their sides hold some dozens of rows: the predictors of a validation.
SMALL = {"rpt_health_validation"}


def nested_loops(plan):
    """The outer joins by nested loops of a plan that could be joined by an equality, as (kind of join, its condition)."""
    details = plan["extra_info"]
    condition = str(details.get("Condition", details.get("Conditions")))
    is_outer = details.get("Join Type") in ("LEFT", "RIGHT", "OUTER")
    if plan["name"].strip() in ("BLOCKWISE_NL_JOIN", "NESTED_LOOP_JOIN") and is_outer and " = " in condition:
        yield details["Join Type"], condition
    for child in plan["children"]:
        yield from nested_loops(child)


def plan_of(connection, query):
    """DuckDB's plan of a query, as JSON."""
    ((_, plan),) = connection.execute(f"explain (format json) {query}").fetchall()
    return json.loads(plan)[0]


def test_outer_joins_compare_columns_of_both_sides(dirty_house):
    found = {}
    for node in warehouse._plan(False)[1]:
        if node["resource_type"] == "model" and not node["path"].startswith("configuration/") and node["name"] not in SMALL:
            joins = list(nested_loops(plan_of(dirty_house, node["compiled_code"])))
            if joins:
                found[node["name"]] = joins
    assert not found


def test_a_condition_on_one_side_alone_is_found(dirty_house):
    query = "from dim_accounts as a left join fct_milestones as b on a.account_id = b.account_id and a.seats > 0"
    assert list(nested_loops(plan_of(dirty_house, query)))
    mended = "from dim_accounts as a left join fct_milestones as b on case when a.seats > 0 then a.account_id end = b.account_id"
    assert not list(nested_loops(plan_of(dirty_house, mended)))
