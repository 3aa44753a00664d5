"""The product stream: which user did what and when."""

import numpy as np

from . import company

_CORE = {
    "collaboration": "message_posted file_shared channel_created search_run meeting_held "
    "setting_changed workflow_built integration_connected user_invited seat_configured",
    "analytics": "dashboard_viewed query_run search_run dashboard_created dataset_ingested "
    "export_run report_built alert_created setting_changed integration_connected user_invited "
    "seat_configured",
    "api": "sandbox_used log_viewed api_called search_run setting_changed webhook_registered "
    "workflow_deployed integration_connected user_invited seat_configured api_key_created",
    "general_saas": "record_updated record_created search_run approval_completed "
    "custom_report_built setting_changed integration_connected user_invited seat_configured",
}
TYPES = ["session_started", "error_shown", "api_failed"] + sorted(
    {t for names in _CORE.values() for t in names.split()} | {m[0] for m in company.MILESTONES}
)
_CODE = {name: i for i, name in enumerate(TYPES)}
_LEVELS = np.linspace(-2.25, 2.25, 10)
_FALLBACK = np.array([_CODE[names.split()[0]] for names in _CORE.values()], dtype=np.uint8)
_MILESTONE_CODES = np.array([_CODE[m[0]] for m in company.MILESTONES])
_ADMIN_TYPES = {"setting_changed", "user_invited", "seat_configured", "integration_connected"}
# Who reaches a milestone, by the persona's number; the first admin where it is nobody here.
_DOERS = {
    **dict.fromkeys(("channel_created", "dashboard_created"), 1),
    **dict.fromkeys(("workflow_built", "report_built", "custom_report_built"), 2),
    **dict.fromkeys(("api_key_created", "webhook_registered", "workflow_deployed"), 3),
}
_MILESTONE_PERSONAS = np.array([_DOERS.get(m[0], 0) for m in company.MILESTONES])


def _lookup():
    """Event codes by category, persona, health level and a uniform draw of 1,024."""
    table = np.empty((4, 4, len(_LEVELS), 1024), dtype=np.uint8)
    for c, names in enumerate(map(str.split, _CORE.values())):
        for persona in range(4):
            for level, health in enumerate(_LEVELS):
                spread = 0.45 + 0.35 * company.sigmoid(health + 0.5 * (persona == 2))
                weight = dict(zip(names, spread ** np.arange(len(names)), strict=True))
                for name in weight:
                    weight[name] *= 6 if persona == 0 and name in _ADMIN_TYPES else 1
                bad = np.exp(-0.7 * health)
                weight["session_started"] = 0.12
                weight["error_shown"] = 0.04 * bad
                if c == company.API and persona == 3:
                    weight["api_called"] *= 8
                    weight["api_failed"] = weight["api_called"] * min(0.03 * bad, 0.4)
                edges = np.cumsum(list(weight.values())) / sum(weight.values())
                codes = np.array([_CODE[name] for name in weight])
                draw = (np.arange(1024) + 0.5) / 1024
                table[c, persona, level] = codes[np.searchsorted(edges, draw)]
    return table


_TABLE = _lookup().reshape(-1)


def simulate(accounts, users, rng, activity):
    """Product events of the accounts, about in time order.

    Returns a dict of arrays: type (code in TYPES), account (position in accounts, -1 null), user
    (position in users), at and loaded (seconds from the window's start, loaded not capped).
    """
    p = company.usage_probability(accounts, users)
    draw = rng.random(p.shape, dtype=np.float32)
    day, user = np.nonzero(draw < p * np.float32(min(activity, 1)))
    del p, draw
    day = day.astype(np.int16)
    rate = (1 + users.rate) * max(activity, 1) - 1
    counts = 1 + rng.poisson(rate[user])
    account = users.account[user]
    level = np.clip((accounts.health[account, day // 7] + 2.5) * 2, 0, len(_LEVELS) - 1)
    group = company.family(accounts.category)[account] * 4 + users.persona[user]
    row = ((group * len(_LEVELS) + level.astype(int)) * 1024).astype(np.int32)
    start = (6 * 3600 + 7 * 3600 * (rng.random(len(day)) + rng.random(len(day)))).astype(np.int32)

    visit = np.repeat(np.arange(len(day), dtype=np.int32), counts)
    n = len(visit)
    first = np.cumsum(counts) - counts
    kind = _TABLE[row[visit] + rng.integers(0, 1024, n, dtype=np.uint16)]
    kind[first] = 0
    second = rng.integers(0, 3600, n, dtype=np.uint16).astype(np.int32)
    second[first] = 0
    second += start[visit]

    gate = np.zeros((len(accounts), len(TYPES)), dtype=np.int16)
    gate[:, _MILESTONE_CODES] = accounts.milestones
    called = [_CODE["api_called"], _CODE["api_failed"]]
    gate[:, called] = accounts.milestones[:, [company.API_KEY]]
    closed = gate[account[visit], kind] >= day[visit]
    kind[closed] = _FALLBACK[company.family(accounts.category)][account[visit[closed]]]

    who, which = np.nonzero(accounts.milestones < company.NEVER)
    reached = accounts.milestones[who, which]
    doer = np.flatnonzero(users.number == 0)[who]
    for persona in range(1, 4):
        first = np.full(len(accounts), -1)
        of_persona = np.flatnonzero(users.persona == persona)
        of_persona = of_persona[np.argsort(users.join[of_persona], kind="stable")[::-1]]
        first[users.account[of_persona]] = of_persona
        there = (_MILESTONE_PERSONAS[which] == persona) & (first[who] >= 0)
        there &= (users.join[first[who]] <= reached) & (reached <= users.leave[first[who]])
        doer = np.where(there, first[who], doer)
    day = np.concatenate([day[visit], reached.astype(np.int16)])
    order = np.argsort(day, kind="stable")
    kind = np.concatenate([kind, _MILESTONE_CODES[which].astype(np.uint8)])[order]
    user = np.concatenate([user[visit], doer])[order]
    second = np.concatenate([second, rng.integers(8 * 3600, 20 * 3600, len(who))])[order]
    account = users.account[user]
    account[rng.random(len(account), dtype=np.float32) < 0.03] = -1
    at = day[order].astype(np.int64) * 86400 + second
    lag = 20 + 600 * rng.standard_exponential(len(at), dtype=np.float32)
    loaded = at + lag.astype(int)
    return {"type": kind, "account": account, "user": user, "at": at, "loaded": loaded}
