"""What a product event means, as one bit each: features, modules, tasks, configurations and milestone subjects."""

from __future__ import annotations

from functools import cached_property

from .session import literal

COUNTED_ROLES = ("login", "core", "value", "error", "api_call")
# Bits of a counter inside the one number that counts the roles together.
COUNTER = 24


class Tracking:
    """The tracking plan and the subjects of milestones, numbered."""

    def __init__(self, seeds: dict[str, list[dict]]):
        self.plan = seeds["tracking_plan"]
        self.subjects = sorted(
            {row["subject"] for row in seeds["milestone_criteria"] if row["measure"] != "signal"}
        )
        if any(row["source"] == "product" for row in seeds["event_schemas"]):
            raise NotImplementedError("The script does not check payloads of product events")
        named = {subject for subject in self.subjects if not subject.startswith("role:")}
        self.types = sorted({row["event_type"] for row in self.plan} | named)
        self.groups: dict[str, list] = {
            "feature": sorted({row["feature"] for row in self.plan} - {""}),
            "module": sorted({row["module"] for row in self.plan} - {""}),
            "guided_task": self._types_of("guided_task"),
            "configuration": self._types_of("configuration"),
            "subject": self.subjects,
        }
        if self.width > 128:
            raise NotImplementedError("The script numbers at most 128 meanings of product events")

    def _types_of(self, role: str) -> list[str]:
        return sorted(row["event_type"] for row in self.plan if row["role"] == role)

    @cached_property
    def width(self) -> int:
        """The number of bits."""
        return sum(map(len, self.groups.values()))

    @property
    def bits_type(self) -> str:
        """The SQL type that holds all bits."""
        return "ubigint" if self.width <= 64 else "uhugeint"

    def _first(self, group: str) -> int:
        names = list(self.groups)
        return sum(len(self.groups[name]) for name in names[: names.index(group)])

    def mask(self, group: str, *members: str) -> str:
        """Return the SQL of the bits of members of a group, or of the whole group."""
        chosen = members or self.groups[group]
        bits = sum(1 << (self._first(group) + self.groups[group].index(member)) for member in chosen)
        return f"{bits}::{self.bits_type}"

    def count(self, bits: str, group: str) -> str:
        """Return the SQL of how many members of a group are among the bits."""
        return f"cast(bit_count({bits} & {self.mask(group)}) as bigint)"

    def table(self) -> str:
        """Return the SQL of a table of event types with their bits and their role as a packed count of one."""
        rows = []
        for name in self.types:
            planned = next((row for row in self.plan if row["event_type"] == name), {})
            role = planned.get("role", "")
            members = [(group, planned.get(group)) for group in ("feature", "module")]
            members += [(group, name) for group in ("guided_task", "configuration") if group == role]
            members += [("subject", subject) for subject in (name, f"role:{role}") if subject in self.subjects]
            bits = " | ".join(self.mask(*member) for member in members if member[1]) or f"0::{self.bits_type}"
            one = 1 << COUNTER * COUNTED_ROLES.index(role) if role in COUNTED_ROLES else 0
            rows.append(f"({literal(name)}, {bits}, {one}::hugeint)")
        return f"select * from (values {', '.join(rows)}) as _ (event_type, bits, roles)"

    @staticmethod
    def counted(roles: str, role: str) -> str:
        """Return the SQL of the events of one role in a packed count."""
        place = COUNTER * COUNTED_ROLES.index(role)
        return f"cast(({roles} >> {place}) & {(1 << COUNTER) - 1} as bigint)"
