"""`filters`: JSON in either of its shapes, and how each kind of filter compares.

`{"label": {"a=b": true}}` is what Go clients send and `{"label": ["a=b"]}` what docker-py does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from skerry.api import decode, gojson
from skerry.model.errors import InvalidParameter

Filters = dict[str, list[str]]
"""The values asked for by key. No key: nothing asked."""


def parse(text: str, status: int = 400) -> Filters:
    """Read the query parameter. Raises InvalidParameter with the decoder's words."""
    if not text:
        return {}
    try:
        found = decode.read(gojson.only_value(text))
    except gojson.Malformed as error:
        raise _invalid(error.message, status) from None
    if not isinstance(found, dict):
        raise _invalid(
            f"json: cannot unmarshal {_word(found)} into Go value of type map[string]map[string]bool", status
        )
    return {key: _values(value, status) for key, value in found.items()}


def render(filters: Mapping[str, Iterable[str]]) -> str:
    """The parameter again, in the shape of Go clients; empty where there is no filter."""
    shown = {key: dict.fromkeys(values, True) for key, values in filters.items()}
    return msgspec.json.encode(shown).decode() if shown else ""


def check(filters: Filters, accepted: Iterable[str], *, modern: bool = False) -> None:
    """Refuse keys that the list does not know."""
    known = set(accepted)
    for key in filters:
        if key not in known:
            raise InvalidParameter(f"{'invalid' if modern else 'Invalid'} filter '{key}'")


def _values(value: object, status: int) -> list[str]:
    if isinstance(value, dict) and all(isinstance(flag, bool) for flag in value.values()):
        return [key for key, wanted in value.items() if wanted]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return list(dict.fromkeys(value))
    raise _invalid(f"json: cannot unmarshal {_word(value)} into Go value of type map[string]bool", status)


def _invalid(message: str, status: int) -> InvalidParameter:
    error = InvalidParameter(message)
    error.status = status
    return error


def _word(value: object) -> str:
    words = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
    return words.get(type(value), "null")


def exact(filters: Filters, key: str, *candidates: str) -> bool:
    """Whether nothing is asked under the key, or one of the candidates is."""
    return key not in filters or any(value in candidates for value in filters[key])


def prefix(filters: Filters, key: str, *candidates: str) -> bool:
    """The same, where what was asked may be the beginning of a candidate."""
    return key not in filters or any(
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
