"""Request bodies: from bytes to a JSON value, in the words of Go's decoder where they are none.

What the fields of a body are is declared in `skerry.model`, and `control.decode` reads it by that. Bodies
that are the engine's, and that only the API looks into, have the few keys that it looks for brought into
Docker's own case here, and are not checked.
"""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from typing import Any

import msgspec

from skerry.api import engine_versions, gojson
from skerry.api.upstream import EngineFacts
from skerry.control.decode import NEWEST, Unbounded, whole
from skerry.control.decode import read as checked
from skerry.model.api_version import Version, read_version
from skerry.model.errors import InvalidParameter
from skerry.model.objects import Raw
from skerry.model.shapes import FIELDS

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


def body(data: bytes, shape: str, facts: EngineFacts, client: Version = NEWEST) -> Raw:
    """Read a request's body; of a shape that is declared, it is what Docker would store (`control.decode`).
    An empty one is refused by older engines and all zero for later ones.

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
    if value is not None and not isinstance(value, dict):
        word = _WORDS[type(value)]
        raise invalid(f"json: cannot unmarshal {word} into Go value of type {shape}", facts)
    engine = read_version(facts.api_version)
    result = checked(value or {}, shape, engine, client) if shape in FIELDS else canonical(value or {}, shape)
    if rest and rest[0] not in "]}" and facts.has(engine_versions.BODIES):
        raise InvalidParameter("unexpected content after JSON")
    return result


def invalid(words: str, facts: EngineFacts) -> InvalidParameter:
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
    value, rest = gojson.first_value(text)
    return read(value), rest


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
    """A value with the keys of its kind; values of unexpected types are left for the engine to refuse."""
    if kind not in _HERE or not isinstance(value, dict):
        return whole(value)
    fields = _HERE[kind]
    names = {name.lower(): name for name in fields}
    result: Raw = {}
    for key, item in value.items():
        name = names.get(str(key).lower(), str(key))
        if item is not None:
            result[name] = canonical(item, fields.get(name, "any"))
    return result
