"""`filters`: JSON in either of its shapes, and how each kind of filter compares.

`{"label": {"a=b": true}}` is what Go clients send and `{"label": ["a=b"]}` what docker-py does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from skerry.api import decode, engine_versions, gojson
from skerry.api.upstream import Facts
from skerry.model.errors import InvalidParameter

Filters = dict[str, list[str]]
"""The values asked for by key. No key: nothing asked."""


def parse(text: str, facts: Facts, status: int = 400) -> Filters:
    """Read the query parameter. Raises InvalidParameter, by older engines with `status` and Go's words."""
    try:
        return _read(text) if text else {}
    except _InvalidError as error:
        invalid = InvalidParameter("invalid filter" if facts.has(engine_versions.FILTERS) else str(error))
        invalid.status = 400 if facts.has(engine_versions.FILTERS) else status
        raise invalid from None


class _InvalidError(ValueError):
    """What Go's decoder says of filters that are none."""


def _read(text: str) -> Filters:
    try:
        found = decode.read(gojson.only_value(text))
    except gojson.Malformed as error:
        raise _InvalidError(error.message) from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _mismatch(found, "map[string]map[string]bool")
    if any(isinstance(value, list) for value in found.values()):
        return {key: _listed(value) for key, value in found.items()}
    return {key: _mapped(value) for key, value in found.items()}


def render(filters: Mapping[str, Iterable[str]]) -> str:
    """The parameter again, in the shape of Go clients; empty where there is no filter."""
    shown = {key: dict.fromkeys(values, True) for key, values in filters.items()}
    return msgspec.json.encode(shown).decode() if shown else ""


def check(filters: Filters, accepted: Iterable[str], facts: Facts) -> None:
    """Refuse keys that the list does not know."""
    known = set(accepted)
    for key in filters:
        if key not in known:
            raise InvalidParameter(
                f"{'invalid' if facts.has(engine_versions.FILTERS) else 'Invalid'} filter '{key}'"
            )


def _mapped(value: object) -> list[str]:
    """What is asked under a key, in the shape of Go clients."""
    if value is None:
        return []
    if not isinstance(value, dict):
        raise _mismatch(value, "map[string]bool")
    for flag in value.values():
        if not isinstance(flag, bool | None):
            raise _mismatch(flag, "bool")
    return [key for key, wanted in value.items() if wanted]


def _listed(value: object) -> list[str]:
    """The same in the shape of docker-py. Where it does not fit either, Go tells what the other one lacks."""
    if value is None:
        return []
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return list(dict.fromkeys(value))
    raise _mismatch([], "map[string]bool")


def _mismatch(value: object, kind: str) -> _InvalidError:
    return _InvalidError(f"json: cannot unmarshal {_word(value)} into Go value of type {kind}")


def _word(value: object) -> str:
    words = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
    return words.get(type(value), "null")


def exact(filters: Filters, key: str, *candidates: str) -> bool:
    """Whether nothing is asked under the key, or one of the candidates is."""
    return not filters.get(key) or any(value in candidates for value in filters[key])


def prefix(filters: Filters, key: str, *candidates: str) -> bool:
    """The same, where what was asked may be the beginning of a candidate."""
    return not filters.get(key) or any(
        found.startswith(value) for value in filters[key] for found in candidates
    )


def labels(filters: Filters, key: str, candidate: Mapping[str, str] | None) -> bool:
    """Every label asked for is there, with its value if one was given (of two values, the last)."""
    wanted: dict[str, str] = {}
    for item in filters.get(key, ()):
        name, _, value = item.partition("=")
        wanted[name] = value
    held = candidate or {}
    return all(name in held and value in ("", held[name]) for name, value in wanted.items())


def any_of(*tests: Callable[[], bool | None]) -> bool:
    """Selectors that add up: true if one holds, or if all of them were not asked (None)."""
    results = [test() for test in tests]
    asked = [result for result in results if result is not None]
    return any(asked) or not asked
