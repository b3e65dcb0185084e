"""Query parameters: an endpoint declares those that it has, and can read no others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from skerry.model.api_version import Version
from skerry.model.errors import InvalidParameter
from skerry.model.go import strconv

_TRUE = {"1", "t", "T", "TRUE", "true", "True"}
_FALSE = {"0", "f", "F", "FALSE", "false", "False", ""}
_NO = {"", "0", "no", "false", "none"}


@dataclass(frozen=True)
class Parameter:
    """How a query parameter is read.

    A `flag` is a boolean of the forgiving kind, a `bool` one as Go's ParseBool reads it, a `number` is
    checked by whoever uses it, and `filters` are JSON.
    """

    kind: Literal["text", "flag", "bool", "number", "filters"]
    since: Version = (0, 0)
    """Clients of older versions do not mean it."""
    brief: bool = False
    """The refusal of a `bool` leaves out why."""
    keys: tuple[str, ...] = ()
    """Of filters: the keys that are accepted; empty where any is."""
    malformed: int = 400
    """Of filters: the status with which older engines answer to what is none."""


def whole_number(text: str | None, name: str) -> int:
    """A number as Go's ParseUint reads it. Raises InvalidParameter."""
    try:
        return strconv.parse_uint(text or "")
    except strconv.NumError as error:
        raise InvalidParameter(f"invalid value for {name}: {error}") from error


TEXT = Parameter("text")
FLAG = Parameter("flag")
BOOL = Parameter("bool")
NUMBER = Parameter("number")


@dataclass(frozen=True)
class Query:
    """The query of one request, as its endpoint declares it. Reading what is not declared is a KeyError."""

    declared: Mapping[str, Parameter]
    sent: Mapping[str, str]
    version: Version
    """The version of the API that the client speaks."""

    def text(self, name: str) -> str:
        """A text, empty where there is none."""
        return self._value(name) or ""

    def number(self, name: str) -> str | None:
        """A number as it was sent, or None."""
        return self._value(name)

    def integer(self, name: str) -> int:
        """A number that has to be there, as Go's ParseUint reads it. Raises InvalidParameter."""
        return whole_number(self._value(name), name)

    def optional_integer(self, name: str) -> int | None:
        """The same where it need not be there."""
        return None if self._value(name) is None else self.integer(name)

    def flag(self, name: str) -> bool:
        """A boolean of the forgiving kind: anything but empty, 0, no, false and none is true."""
        return self.text(name).strip().lower() not in _NO

    def bool(self, name: str) -> bool:
        """A boolean as Go's ParseBool reads it. Raises InvalidParameter."""
        value = self.text(name)
        if value not in _TRUE | _FALSE:
            why = f': strconv.ParseBool: parsing "{value}": invalid syntax'
            raise InvalidParameter(
                f"invalid value for {name}: {value}{'' if self.declared[name].brief else why}"
            )
        return value in _TRUE and self.version >= self.declared[name].since

    def changed(self, **changes: str | None) -> str:
        """The query for the engine, with other values; None takes a parameter away."""
        merged = {**self.sent, **changes}
        return urlencode({name: value for name, value in merged.items() if value is not None})

    def _value(self, name: str) -> str | None:
        if name not in self.declared:
            raise KeyError(f"the endpoint declares no parameter {name}")
        return self.sent.get(name)
