"""What follows from the declarations of all fields: Docker's own `api/types` as data.

A kind is a type as Go writes it (`declare.Go.type`), a shape the kinds of a struct's fields by their names.
"""

from __future__ import annotations

from dataclasses import replace
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from skerry.model import requests
from skerry.model.declare import STRUCTS, Declared, Go, Raw, declared_fields
from skerry.model.specs import CONTENT, Annotations

LABELS = "map[string]string"

_NAMES: dict[type, str] = {struct: name for name, struct in STRUCTS.items()}
_SCALARS = {str: "string?", bool: "bool?"}
_PARTS = {requests.NetworkSpec: "NetworkCreate"}
"""Structs all of whose fields but the name are those of another one, which Go calls embedded."""


def _kind(hint: Any) -> str:
    """The kind of a Python type. A struct, and what may be None, is a pointer in Go: it is kept where it is
    zero, and left out where it is none."""
    args = get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        return _kind(next(arg for arg in args if arg is not NoneType)).rstrip("?")
    if get_origin(hint) is list:
        return f"[]{_kind(args[0]).rstrip('?')}?"
    if get_origin(hint) is dict:
        return f"{LABELS}?"
    return _NAMES.get(hint) or _SCALARS[hint]


def _shape_of(struct: type[Declared]) -> dict[str, Go]:
    """The fields of a struct by Docker's names, in the order of their declaration, with their kinds."""
    return {
        name: known if known.type else replace(known, type=_kind(hint))
        for name, (hint, known) in declared_fields(struct).items()
        if name != CONTENT
    }


FIELDS: dict[str, dict[str, Go]] = {name: _shape_of(struct) for name, struct in STRUCTS.items()}
"""Every field of every struct."""

SHAPES: dict[str, dict[str, str]] = {
    shape: {name: field.type for name, field in fields.items()} for shape, fields in FIELDS.items()
}
"""Their kinds alone."""


_CONTAINER = {
    struct: [
        (field.name, known.container)
        for field in msgspec.structs.fields(struct)
        if field.encode_name != CONTENT and (known := FIELDS[name][field.encode_name]).container
    ]
    for name, struct in STRUCTS.items()
}


def of_container(spec: Declared) -> Raw:
    """What a struct gives to the body that makes a container, as it is, by where it goes."""
    return {path: msgspec.to_builtins(getattr(spec, name)) for name, path in _CONTAINER[type(spec)]}


def part_of(shape: str, field: str) -> str:
    """The embedded struct that a struct has a field from; empty for one of its own."""
    struct = STRUCTS.get(shape)
    if struct in _PARTS:
        return "" if field == "Name" else _PARTS[struct]
    embedded = struct is not None and issubclass(struct, Annotations) and field in ("Name", "Labels")
    return "Annotations" if embedded else ""
