"""One reader that does to a body what Docker's decoder and encoder do to it together.

It drops nulls, and zeros that Docker leaves out, and keeps unknown fields: so what is stored is what a real
swarm would give back. A value of the wrong type is refused in Go's words (`mismatch`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from skerry.control import octets
from skerry.control.mismatch import Mismatch, Place
from skerry.control.shapes import LABELS, SHAPES
from skerry.model.errors import InvalidParameter
from skerry.model.objects import Raw

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


def read(body: Raw, shape: str) -> Raw:
    """The body as Docker would store it. Raises InvalidParameter (400) with Go's own words."""
    if not isinstance(body, dict):
        raise InvalidParameter(f"json: cannot unmarshal {_kind(body)} into Go value of type {shape}")
    return _struct(body, shape, Place(shape, shape))


def _struct(value: Raw, shape: str, place: Place) -> Raw:
    fields = SHAPES[shape]
    found = {key: _zero(kind[:-1]) for key, kind in fields.items() if kind.endswith("!")}
    for key, item in value.items():
        if item is None:
            continue
        kind = fields.get(key)
        if kind is None:
            found[key] = item
            continue
        typed = _value(item, kind.rstrip("?!"), place.field(shape, key))
        if typed or not kind.endswith("?"):
            found[key] = typed
    return found


def _zero(kind: str) -> Any:
    if kind == "bool":
        return False
    if kind in SHAPES:
        return _struct({}, kind, Place(kind, kind))
    if kind.startswith("[]"):
        return []
    return 0 if kind in RANGES else ""


def _value(value: Any, kind: str, place: Place) -> Any:
    if kind == "[]uint8":
        return _bytes(value, kind, place)
    if kind.startswith("[]"):
        _expect(value, lambda one: isinstance(one, list), kind, place)
        return list(_elements(value, kind[2:], place))
    if kind == LABELS:
        _expect(value, lambda one: isinstance(one, dict), kind, place)
        pairs = value.items()
        return {key: _value(one, "string", replace(place, key=key)) for key, one in pairs if one is not None}
    if kind in SHAPES:
        _expect(value, lambda one: isinstance(one, dict), kind, place)
        return _struct(value, kind, place)
    return _scalar(value, kind, place)


def _elements(value: list[Any], kind: str, place: Place) -> Iterator[Any]:
    """The elements of a list; null is a zero among values, and left out among pointers."""
    shape = kind.removeprefix("*")
    for index, one in enumerate(value):
        if one is not None:
            yield _value(one, shape, place.element(index))
        elif shape == kind:
            yield _zero(kind)


def _bytes(value: Any, kind: str, place: Place) -> str:
    """Bytes in base64; a list of numbers is as good."""
    if isinstance(value, list):
        numbers = [_scalar(one or 0, "uint8", place.element(index)) for index, one in enumerate(value)]
        return octets.written(bytes(numbers))
    text: str = _expect(value, lambda one: isinstance(one, str), kind, place)
    try:
        octets.read(text)
    except ValueError as error:
        raise Mismatch("string", kind, place, str(error)) from error
    return text


def _scalar(value: Any, kind: str, place: Place) -> Any:
    if kind == "bool":
        return _expect(value, lambda one: isinstance(one, bool), kind, place)
    if kind == "float32" or kind in RANGES:
        _expect(value, lambda one: isinstance(one, int | float) and not isinstance(one, bool), kind, place)
        if not _fits(value, kind):
            raise Mismatch(f"number {value}", kind, place)
        return value
    return _expect(value, lambda one: isinstance(one, str), kind, place)


def _fits(value: float, kind: str) -> bool:
    if kind == "float32":
        return abs(value) <= LARGEST_FLOAT32
    lowest, highest = RANGES[kind]
    return isinstance(value, int) and lowest <= value <= highest


def _expect(value: Any, fits: Callable[[Any], bool], kind: str, place: Place) -> Any:
    if not fits(value):
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
