"""Request bodies: read as JSON, their keys brought into Docker's own case.

Go matches field names without regard to case, and docker-py really sends `replicated`. Which names there are
is told by the shapes of `skerry.control`, which also checks the types. Fields that nobody knows, and maps
whose keys are the user's, stay as they were sent; an explicit null is an absent field.
"""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from functools import lru_cache
from typing import Any

import msgspec

from skerry.api import engine_versions, gojson
from skerry.api.upstream import Facts
from skerry.control.decode import Unbounded
from skerry.control.decode import read as typed
from skerry.control.shapes import LABELS, SHAPES
from skerry.model.errors import InvalidParameter
from skerry.model.objects import Raw

LONGEST_INTEGER = 400
"""Digits beyond which an integer is larger than every type, floats included."""

_HERE: dict[str, dict[str, str]] = {
    "types.NetworkConnect": {"Container": "string", "EndpointConfig": "any"},
    "types.NetworkDisconnect": {"Container": "string", "Force": "bool"},
    "container.CreateRequest": {
        "HostConfig": "container.HostConfig",
        "NetworkingConfig": "network.NetworkingConfig",
    },
    "container.HostConfig": {"NetworkMode": "string", "Dns": "[]string"},
    "network.NetworkingConfig": {"EndpointsConfig": "any"},
}
"""Bodies that only the API itself looks into."""

_WORDS = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}


def body(data: bytes, shape: str, facts: Facts) -> Raw:
    """Read a request's body. An empty one is refused by older engines and all zero for later ones.

    Raises InvalidParameter (400) for malformed JSON, for what is no object and, of newer engines, for what
    comes behind it.
    """
    text = data.decode("utf-8", "replace")
    if not text.strip(" \t\r\n"):
        if facts.has(engine_versions.BODIES) and not data:
            return {}
        raise invalid("got EOF while reading request body", facts)
    try:
        value, rest = _value(data, text)
    except gojson.Malformed as error:
        raise invalid("unexpected EOF" if error.ended else error.words(facts.go), facts) from None
    if value is None:
        found: Raw = {}
    elif isinstance(value, dict):
        found = canonical(value, shape)
    else:
        word = _WORDS[type(value)]
        raise invalid(f"json: cannot unmarshal {word} into Go value of type {shape}", facts)
    if rest and rest[0] not in "]}" and facts.has(engine_versions.BODIES):
        if shape in SHAPES:
            typed(found, shape)  # what is wrong with the value itself comes first
        raise InvalidParameter("unexpected content after JSON")
    return found


def invalid(words: str, facts: Facts) -> InvalidParameter:
    """What Go's decoder says of a body, as the engine passes it on."""
    for since, before, name in engine_versions.RENAMED:
        if facts.has(since):
            words = re.sub(rf"\b{re.escape(before)}", name, words)
    return InvalidParameter(f"invalid JSON: {words}" if facts.has(engine_versions.BODIES) else words)


def _value(data: bytes, text: str) -> tuple[Any, str]:
    """The first value of a body, and what comes behind it. What is good JSON and no more is read at once:
    msgspec lets less pass than Go's scanner, which is walked after only to find where the value ends, or its
    words for what is wrong."""
    if data.count(b"{") + data.count(b"[") < gojson.DEEPEST:
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            return msgspec.json.decode(data), ""
    found, rest = gojson.first_value(text)
    return read(found), rest


def read(text: str) -> Any:
    """A text that Go's scanner lets pass, as a value."""
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return _whole(json.loads(text, parse_int=_integer, parse_float=_float))


def _integer(text: str) -> float:
    return int(text) if len(text) <= LONGEST_INTEGER else Unbounded(text)


def _float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else Unbounded(text)


def _whole(value: Any) -> Any:
    """The value with U+FFFD for each half of a surrogate pair, as Go has it."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return value


def canonical(value: Any, kind: str) -> Any:
    """A value with the keys of its kind; values of unexpected types are left for the check of types."""
    kind = kind.rstrip("?")
    if kind == LABELS and isinstance(value, dict):
        return {key: "" if item is None else item for key, item in value.items()}
    if kind.startswith("[]") and isinstance(value, list):
        return [canonical(item, kind[2:].removeprefix("*")) for item in value]
    fields = fields_of(kind)
    if fields is not None and isinstance(value, dict):
        return _fields(value, kind, fields)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(value)  # Go writes 0 where it was sent 0.0
    return value


def fields_of(kind: str) -> dict[str, str] | None:
    """The fields of a struct, or None for what is none."""
    return SHAPES.get(kind) or _HERE.get(kind)


def _fields(value: Raw, kind: str, fields: dict[str, str]) -> Raw:
    names = _names(kind)
    found: Raw = {}
    for key, item in value.items():
        name = names.get(key.lower(), key)
        if item is not None:
            found[name] = canonical(item, fields.get(name, "any"))
    return found


@lru_cache
def _names(kind: str) -> dict[str, str]:
    return {name.lower(): name for name in fields_of(kind) or ()}
