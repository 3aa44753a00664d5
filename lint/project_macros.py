"""The project's macros as dbt would call them on DuckDB, loaded once: sqlfluff would load all of them anew for each file."""

import datetime
import functools
import re
from pathlib import Path
from types import SimpleNamespace

import yaml
from jinja2 import Environment, pass_context
from sqlfluff.core.templaters.builtins.dbt import DBT_BUILTINS, DbtMacroWrapper

_PROJECT = Path(__file__).resolve().parents[1]


class _Adapter:
    @pass_context
    def dispatch(self, context, name):
        return context.get(f"duckdb__{name}") or context[f"default__{name}"]


@functools.cache
def names() -> dict:
    """What a model may call, by name: the macros, the variables and, as stand-ins, dbt itself; no warehouse is read."""
    variables = yaml.safe_load((_PROJECT / "dbt_project.yml").read_text())["vars"]
    known = {
        "adapter": _Adapter(),
        "dbt": SimpleNamespace(
            type_string=lambda: "text",
            date_trunc=lambda part, day: f"date_trunc('{part}', {day})",
            position=lambda part, text: f"position({part} in {text})",
        ),
        "execute": False,
        "graph": SimpleNamespace(nodes={}),
        "modules": SimpleNamespace(re=re, datetime=datetime),
        "flags": SimpleNamespace(EMPTY=False, FULL_REFRESH=False, WHICH="run"),
        "run_started_at": datetime.datetime(2025, 1, 1),
        "target": SimpleNamespace(schema="main", name="duckdb"),
        "var": lambda name: variables[name],
    }
    texts = [path.read_text() for path in sorted((_PROJECT / "macros").rglob("*.sql"))]
    texts = [text for text in texts if "{% materialization" not in text]
    macros = {}
    late = {
        name: functools.partial(lambda name, *values, **named: macros[name](*values, **named), name)
        for text in texts
        for name in re.findall(r"{%-? macro (\w+)\(", text)
    }
    environment = Environment(extensions=["jinja2.ext.do"], keep_trailing_newline=True)
    for text in texts:
        module = environment.from_string(text, globals={**DBT_BUILTINS, **known, **late}).module
        macros.update({name: DbtMacroWrapper(getattr(module, name)) for name in late if hasattr(module, name)})
    return known | macros
