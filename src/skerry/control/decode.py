"""One reader that does to a body what Docker's decoder and encoder do to it together.

It drops nulls, and zeros that Docker leaves out, and keeps unknown fields: so what is stored is what a real
swarm would give back. A value of the wrong type is refused in Go's words (`mismatch`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from skerry.control import octets
from skerry.control.mismatch import Mismatch, Place
from skerry.model.api_version import Version
from skerry.model.declare import Go, Raw
from skerry.model.errors import InvalidParameter
from skerry.model.shapes import FIELDS, LABELS

NEWEST: Version = (99, 99)

LARGEST_FLOAT32 = (2 - 2**-23) * 2.0**127
RANGES = {
    "uint8": (0, 2**8 - 1),
    "uint32": (0, 2**32 - 1),
    "fs.FileMode": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
    "int": (-(2**63), 2**63 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "time.Duration": (-(2**63), 2**63 - 1),
}


class Unbounded(float):
    """A number that no type holds: infinite, and shown as it was sent."""

    def __new__(cls, text: str) -> Unbounded:
        """The number of a text."""
        number = super().__new__(cls, "-inf" if text.startswith("-") else "inf")
        number.text = text
        return number

    text: str

    def __str__(self) -> str:
        return self.text


def read(body: Any, shape: str, engine: Version = NEWEST, client: Version = NEWEST) -> Raw:
    """The body as Docker would store it. Keys are in Docker's own case, as Go matches them in any: docker-py
    really sends `replicated`.

    What an engine of this version does not know stays out, whatever type it has there; what a client of this
    version does not mean, after its type was checked. Raises InvalidParameter (400) with Go's own words.
    """
    if not isinstance(body, dict):
        raise InvalidParameter(f"json: cannot unmarshal {_kind(body)} into Go value of type {shape}")
    return _Reader(engine, client).struct(body, shape, Place(shape, shape))


@dataclass(frozen=True)
class _Reader:
    """The walk through one body, for an engine and a client of these versions."""

    engine: Version
    client: Version

    def struct(self, value: Raw, shape: str, place: Place) -> Raw:
        """A struct: its known fields checked, unknown ones as they are."""
        fields, names = FIELDS[shape], _names(shape)
        result = {
            name: self._zero(field.type[:-1])
            for name, field in fields.items()
            if field.type.endswith("!") and self._means(field)
        }
        for key, item in value.items():
            name = names.get(key.lower(), key)
            field = fields.get(name)
            if item is None or (field is not None and field.since > self.engine):
                continue
            if field is None:
                result[name] = whole(item)
                continue
            typed = self._value(item, field.type.rstrip("?!"), place.field(shape, name))
            if (typed or not field.type.endswith("?")) and self._means(field):
                result[name] = typed
        return result

    def _means(self, field: Go) -> bool:
        """Whether the client can have meant a field."""
        return field.of_any_client or field.since <= self.client

    def _zero(self, kind: str) -> Any:
        if kind == "bool":
            return False
        if kind in FIELDS:
            return self.struct({}, kind, Place(kind, kind))
        if kind.startswith("[]"):
            return []
        return 0 if kind in RANGES else ""

    def _value(self, value: Any, kind: str, place: Place) -> Any:
        if kind == "[]uint8":
            return _bytes(value, kind, place)
        if kind.startswith("[]"):
            _expect(value, list, kind, place)
            return list(self._elements(value, kind[2:], place))
        if kind == LABELS:
            _expect(value, dict, kind, place)
            return {key: _text(item, replace(place, key=key)) for key, item in value.items()}
        if kind in FIELDS:
            _expect(value, dict, kind, place)
            return self.struct(value, kind, place)
        return _scalar(whole(value), kind, place)

    def _elements(self, value: list[Any], kind: str, place: Place) -> Iterator[Any]:
        """The elements of a list; null is a zero among values, and left out among pointers."""
        shape = kind.removeprefix("*")
        for index, item in enumerate(value):
            if item is not None:
                yield self._value(item, shape, place.element(index))
            elif shape == kind:
                yield self._zero(kind)


@lru_cache
def _names(shape: str) -> dict[str, str]:
    return {name.lower(): name for name in FIELDS[shape]}


def whole(value: Any) -> Any:
    """Go writes 0 where it was sent 0.0."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e21 else value


def _text(value: Any, place: Place) -> str:
    """A value of a map; null is empty."""
    return "" if value is None else str(_expect(value, str, "string", place))


def _bytes(value: Any, kind: str, place: Place) -> str:
    """Bytes in base64; a list of numbers is as good."""
    if isinstance(value, list):
        numbers = [
            _scalar(whole(item or 0), "uint8", place.element(index)) for index, item in enumerate(value)
        ]
        return octets.written(bytes(numbers))
    text: str = _expect(value, str, kind, place)
    try:
        octets.read(text)
    except ValueError as error:
        raise Mismatch("string", kind, place, str(error)) from error
    return text


def _scalar(value: Any, kind: str, place: Place) -> Any:
    if kind == "bool":
        return _expect(value, bool, kind, place)
    if kind == "float32" or kind in RANGES:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Mismatch(_kind(value), kind, place)
        if not _fits(value, kind):
            raise Mismatch(f"number {value}", kind, place)
        return value
    return _expect(value, str, kind, place)


def _fits(value: float, kind: str) -> bool:
    if kind == "float32":
        return abs(value) <= LARGEST_FLOAT32
    lowest, highest = RANGES[kind]
    return isinstance(value, int) and lowest <= value <= highest


def _expect(value: Any, type_: type, kind: str, place: Place) -> Any:
    if not isinstance(value, type_):
        raise Mismatch(_kind(value), kind, place)
    return value


def _kind(value: Any) -> str:
    """Go's word for a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else "string"
