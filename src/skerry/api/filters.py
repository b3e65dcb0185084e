"""`filters`: JSON in either of its shapes, and how each kind of filter compares.

`{"label": {"a=b": true}}` is what Go clients send and `{"label": ["a=b"]}` what docker-py does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from skerry.api import engine_versions, gojson, request_body
from skerry.api.upstream import EngineFacts
from skerry.model.errors import InvalidParameter


class Filters(dict[str, list[str]]):
    """The values that are asked for, by key. No key: nothing asked."""

    def exact(self, key: str, *candidates: str) -> bool:
        """Whether nothing is asked under the key, or one of the candidates is."""
        return not self.get(key) or any(value in candidates for value in self[key])

    def prefix(self, key: str, *candidates: str) -> bool:
        """The same, where what was asked may be the beginning of a candidate."""
        return not self.get(key) or any(
            candidate.startswith(value) for value in self[key] for candidate in candidates
        )

    def labels(self, key: str, labels: Mapping[str, str] | None) -> bool:
        """Every label asked for is there, with its value if one was given (of two values, the last)."""
        required: dict[str, str] = {}
        for item in self.get(key, ()):
            name, _, value = item.partition("=")
            required[name] = value
        labels = labels or {}
        return all(name in labels and value in ("", labels[name]) for name, value in required.items())

    def render(self) -> str:
        """The parameter again, in the shape of Go clients; empty where there is no filter."""
        pairs = {key: dict.fromkeys(values, True) for key, values in self.items()}
        return msgspec.json.encode(pairs).decode() if pairs else ""

    def check(self, accepted: Iterable[str], facts: EngineFacts) -> None:
        """Refuse keys that the list does not know."""
        known = set(accepted)
        for key in self:
            if key not in known:
                word = "invalid" if facts.has(engine_versions.FILTERS) else "Invalid"
                raise InvalidParameter(f"{word} filter '{key}'")


def parse(text: str, facts: EngineFacts, status: int = 400) -> Filters:
    """Read the query parameter. Raises InvalidParameter, by older engines with `status` and Go's words."""
    try:
        return _read(text) if text else Filters()
    except _InvalidError as error:
        invalid = InvalidParameter("invalid filter" if facts.has(engine_versions.FILTERS) else str(error))
        invalid.status = 400 if facts.has(engine_versions.FILTERS) else status
        raise invalid from None


class _InvalidError(ValueError):
    """What Go's decoder says of filters that are none."""


def _read(text: str) -> Filters:
    try:
        value = request_body.read(gojson.only_value(text))
    except gojson.Malformed as error:
        raise _InvalidError(error.message) from None
    if value is None:
        return Filters()
    if not isinstance(value, dict):
        raise _mismatch(value, "map[string]map[string]bool")
    reader = _listed if any(isinstance(item, list) for item in value.values()) else _mapped
    return Filters({key: reader(item) for key, item in value.items()})


def _mapped(value: object) -> list[str]:
    """What is asked under a key, in the shape of Go clients."""
    if value is None:
        return []
    if not isinstance(value, dict):
        raise _mismatch(value, "map[string]bool")
    for flag in value.values():
        if not isinstance(flag, bool | None):
            raise _mismatch(flag, "bool")
    return [key for key, flag in value.items() if flag]


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


def any_of(*tests: Callable[[], bool | None]) -> bool:
    """Selectors that add up: true if one holds, or if all of them were not asked (None)."""
    results = [result for test in tests if (result := test()) is not None]
    return any(results) or not results
