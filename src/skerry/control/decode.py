"""One reader that does to a body what Docker's decoder and encoder do to it together.

It drops nulls, and zeros that Docker leaves out, and keeps unknown fields: so what is stored is what a real
swarm would give back. A value of the wrong type is refused in Go's words.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from skerry.control.shapes import LABELS, SHAPES
from skerry.model.errors import InvalidParameter
from skerry.model.objects import Raw

RANGES = {
    "uint32": (0, 2**32 - 1),
    "fs.FileMode": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
    "int": (-(2**63), 2**63 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "time.Duration": (-(2**63), 2**63 - 1),
}


def read(body: Raw, shape: str) -> Raw:
    """The body as Docker would store it. Raises InvalidParameter (400) with Go's own words."""
    if not isinstance(body, dict):
        raise InvalidParameter(f"json: cannot unmarshal {_kind(body)} into Go value of type {shape}")
    return _struct(body, shape, "")


def _struct(value: Raw, shape: str, path: str) -> Raw:
    fields = SHAPES[shape]
    found = {key: _zero(kind[:-1]) for key, kind in fields.items() if kind.endswith("!")}
    for key, item in value.items():
        if item is None:
            continue
        kind = fields.get(key)
        if kind is None:
            found[key] = item
            continue
        struct = f"{shape.partition('.')[2]}.{path}{key}"
        typed = _value(item, kind.rstrip("?!"), struct, f"{path}{key}.")
        if typed or not kind.endswith("?"):
            found[key] = typed
    return found


def _zero(kind: str) -> bool | int | str:
    if kind == "bool":
        return False
    return 0 if kind in RANGES else ""


def _value(value: Any, kind: str, field: str, path: str) -> Any:
    if kind == "[]uint8":
        return _expect(value, lambda one: isinstance(one, str), kind, field)
    if kind.startswith("[]"):
        _expect(value, lambda one: isinstance(one, list), kind, field)
        return [_value(one, kind[2:], field, path) for one in value if one is not None]
    if kind == LABELS:
        _expect(value, lambda one: isinstance(one, dict), kind, field)
        return {key: _value(one, "string", field, path) for key, one in value.items() if one is not None}
    if kind in SHAPES:
        _expect(value, lambda one: isinstance(one, dict), kind, field)
        return _struct(value, kind, path)
    return _scalar(value, kind, field)


def _scalar(value: Any, kind: str, field: str) -> Any:
    if kind == "bool":
        return _expect(value, lambda one: isinstance(one, bool), kind, field)
    if kind == "float32":
        return _expect(value, lambda one: type(one) in (int, float), kind, field)
    if kind in RANGES:
        if isinstance(value, float) or (type(value) is int and not _fits(value, kind)):
            raise _mismatch(f"number {json.dumps(value)}", kind, field)
        return _expect(value, lambda one: type(one) is int, kind, field)
    return _expect(value, lambda one: isinstance(one, str), kind, field)


def _fits(value: int, kind: str) -> bool:
    lowest, highest = RANGES[kind]
    return lowest <= value <= highest


def _expect(value: Any, fits: Callable[[Any], bool], kind: str, field: str) -> Any:
    if not fits(value):
        raise _mismatch(_kind(value), kind, field)
    return value


def _mismatch(found: str, kind: str, field: str) -> InvalidParameter:
    return InvalidParameter(f"json: cannot unmarshal {found} into Go struct field {field} of type {kind}")


def _kind(value: Any) -> str:
    """Go's word for a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else "string"
