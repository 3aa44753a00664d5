"""From a change to the request that a destination wants, as the sync seeds say."""

import json
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote, unquote

from .store import Change, Destination, Route


@dataclass(frozen=True)
class Message:
    """A request: method, path below the destination's address, and body as JSON text."""

    method: str
    path: str
    body: str


class KeyOutsideOfPath(ValueError):
    """A key that a receiver could read as another path than that of the object."""


def message(destination: Destination, change: Change) -> Message:
    """Fill the route's template; KeyError where the destination has no route for the object.

    Raises KeyOutsideOfPath where the path has the key and the key would lead out of it.
    """
    route = destination.routes[change.object_type]
    payload = json.loads(change.payload)
    parts = {
        "{change_id}": change.change_id,
        "{object_type}": change.object_type,
        "{sync_key}": change.sync_key,
        "{sequence_number}": change.sequence_number,
        "{payload}": payload,
        "{fields}": _fields(route, payload, destination.value_format),
    }
    path = route.path
    if "{sync_key}" in path:
        path = path.replace("{sync_key}", _path_segment(change.sync_key))
    return Message(route.method, path, json.dumps(_filled(route.body, parts), ensure_ascii=False))


def _path_segment(key: str) -> str:
    """The key as one segment of a path; KeyOutsideOfPath where some receiver reads it as `.`, `..` or nothing."""
    plain, read = None, key
    while read != plain:  # %252e is %2e, and that a dot, to whoever decodes twice
        plain, read = read, unicodedata.normalize("NFKC", unquote(read))
    if any(re.fullmatch(r"[\s.\x00-\x1f]*(;.*)?", part, re.DOTALL) for part in re.split(r"[/\\]", plain)):
        raise KeyOutsideOfPath("the key is no part of a path: it or what stands between its slashes is empty or only dots")
    return quote(key, safe="")


def _fields(route: Route, payload: dict, value_format: str) -> dict:
    fields = {}
    for field, target in route.fields:
        value = payload.get(field)
        if (field, _as_text(value)) in route.values:
            value = route.values[field, _as_text(value)]
            if value is None:
                continue
        fields[target] = _as_text(value) if value_format == "text" else value
    return fields


def _as_text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _filled(template: object, parts: dict) -> object:
    if isinstance(template, dict):
        return {key: _filled(value, parts) for key, value in template.items()}
    if isinstance(template, list):
        return [_filled(value, parts) for value in template]
    return parts.get(template, template) if isinstance(template, str) else template
