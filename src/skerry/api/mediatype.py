"""`Content-Type` of a request, as engines look at it that want it to be JSON."""

from __future__ import annotations

import re

from skerry.model.errors import InvalidParameter

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETERS = re.compile(rf"(?:\s*;\s*{_TOKEN}=(?:{_TOKEN}|\"(?:[^\"\\\\]|\\\\.)*\"))*\s*;?\s*")


def check(header: str, data: bytes) -> None:
    """Refuse a body that is not called JSON; no body needs no name. Raises InvalidParameter (400)."""
    if not header and not data:
        return
    kind, semicolon, rest = header.partition(";")
    name = kind.strip().lower()
    fault = _fault(name)
    if not fault and not _PARAMETERS.fullmatch(semicolon + rest):
        fault = "invalid media parameter"
    if fault:
        raise InvalidParameter(f"malformed Content-Type header ({header}): mime: {fault}")
    if name != "application/json":
        raise InvalidParameter(f"unsupported Content-Type header ({header}): must be 'application/json'")


def _fault(name: str) -> str:
    """What is wrong with a type, in Go's words."""
    token = re.match(_TOKEN, name)
    if token is None:
        return "no media type"
    rest = name[token.end() :]
    if not rest:
        return ""
    if rest[0] != "/":
        return "expected slash after first token"
    token = re.match(_TOKEN, rest[1:])
    if token is None:
        return "expected token after slash"
    return "" if token.end() == len(rest) - 1 else "unexpected content after media subtype"
