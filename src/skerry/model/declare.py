"""How a field of a spec is declared: one line, from which all that is known of the field is derived.

A spec is a `Struct` that bears Docker's name for its type (`@go("swarm.ContainerSpec")`). A field has a
Python type and a default; `Go` beside the type says what these do not tell. From that follow the reader with
types (msgspec), and `skerry.model.shapes`: the check of a request's body, what a version does not know yet,
the schema in `/openapi.json`, and where a field stands in the body that makes a container and in a compose
file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, get_args

from msgspec import Struct
from msgspec.structs import fields

from skerry.model.api_version import Version

Raw = dict[str, Any]
"""A JSON object as the wire has it."""


@dataclass(frozen=True)
class Go:
    """What Docker knows of a field, and the Python type and the default do not tell."""

    type: str = ""
    """The type as Go writes it, `[]*` for a list of pointers, then `?` where zero is left out (`omitempty`),
    `!` where the field is there even if it was not sent. Empty: what follows from the Python type."""
    since: Version = (0, 0)
    """The API version that brought it: an older engine ignores it, an older client does not mean it."""
    of_any_client: bool = False
    """An engine that knows it takes it from clients of every version."""
    container: str = ""
    """Where its value goes, as it is, in the body of `POST /containers/create`: `HostConfig.CapAdd`."""
    compose: str = ""
    """What a compose file calls it, in which it stands as it is, a duration as text: `cap_add`."""

    @property
    def is_duration(self) -> bool:
        """Whether it counts nanoseconds."""
        return self.type.startswith("time.Duration")


Duration = Annotated[int, Go("time.Duration?")]
"""Nanoseconds; zero is left out."""
Int64 = Annotated[int, Go("int64?")]
Uint64 = Annotated[int, Go("uint64")]
Mode = Annotated[int, Go("fs.FileMode")]
"""Of a file, a decimal of the octal."""

_WORDS = {word.lower(): word for word in ("CA", "CAs", "CPUs", "DNS", "GID", "ID", "IP", "IPAM", "IPv6")} | {
    "os": "OS",
    "selinux": "SELinux",
    "tty": "TTY",
    "uid": "UID",
    "url": "URL",
}
"""Parts of a name that Go does not write with one capital."""


def docker_name(name: str) -> str:
    """What Docker calls a field: `dns_config` is `DNSConfig`."""
    return "".join(_WORDS.get(word, word.capitalize()) for word in name.split("_"))


class Declared(Struct, frozen=True, rename=docker_name):
    """What has fields that are declared so."""


STRUCTS: dict[str, type[Declared]] = {}
"""Every type of a body, by Docker's name for it."""

S = TypeVar("S", bound=type[Declared])


def go(name: str) -> Callable[[S], S]:
    """Declare a struct under Docker's name for it."""

    def declared(struct: S) -> S:
        STRUCTS[name] = struct
        return struct

    return declared


@cache
def declared_fields(struct: type[Declared]) -> dict[str, tuple[Any, Go]]:
    """The fields of a struct by Docker's names for them, in the order of their declaration: their Python
    types, and what is said beside these."""
    return {field.encode_name: _apart(field.type) for field in fields(struct)}


def _apart(hint: Any) -> tuple[Any, Go]:
    beside = [item for item in get_args(hint) if isinstance(item, Go)]
    return (get_args(hint)[0], beside[0]) if beside else (hint, Go())
