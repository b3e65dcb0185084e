"""The values that templates compute with: what they are in Go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from skerry.model.errors import SkerryError


class TemplateError(SkerryError):
    """The text is no template, or cannot be filled."""

    status = 400


@dataclass(frozen=True)
class Function:
    """What a template may call. `parameters` are Go's types; with `variadic` the last one repeats."""

    call: Callable[..., Any]
    parameters: tuple[str, ...]
    variadic: bool = False

    @property
    def least(self) -> int:
        """How many arguments it takes at least."""
        return len(self.parameters) - self.variadic

    def type_of(self, place: int) -> str:
        """The type of the argument at this place."""
        return self.parameters[min(place, len(self.parameters) - 1)]


@dataclass(frozen=True)
class Record:
    """A Go struct: fields that exist and no others, and methods. `type_name` is what errors call it; one that
    begins with `*` is behind a pointer."""

    type_name: str
    fields: Mapping[str, Any]
    methods: Mapping[str, Function] = field(default_factory=dict)
    promoted: Mapping[str, Any] = field(default_factory=dict)
    """Fields of a struct that is embedded in it."""


class Uint8(int):
    """A byte of a string, which is no `int` to Go."""


def type_name(value: Any) -> str:
    """What Go calls the type of a value."""
    if isinstance(value, Record):
        return value.type_name
    if isinstance(value, Mapping):
        return "map[string]string"
    names = {str: "string", bool: "bool", int: "int", float: "float64", complex: "complex128", Uint8: "uint8"}
    return names.get(type(value), "interface {}")


def truth(value: Any) -> bool:
    """Go's truth: not empty, not zero, not nil; a struct always."""
    return True if isinstance(value, Record) else bool(value)


def encoded(text: str) -> bytes:
    """The bytes of a text, those that are no UTF-8 among them."""
    return text.encode(errors="surrogateescape")


def decoded(data: bytes) -> str:
    """The text of bytes."""
    return data.decode(errors="surrogateescape")
