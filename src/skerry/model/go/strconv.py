"""Go's `strconv`: which texts are numbers, and what it says of those that are none.

Python's own `int` takes more: digits of other scripts, spaces, underscores, any length. Nothing that comes
from a client may be read with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SYNTAX = "invalid syntax"
RANGE = "value out of range"

_DECIMAL = re.compile(r"([+-]?)([0-9]+)", re.ASCII)
_ANY_BASE = re.compile(
    r"([+-]?)(?:0[xX](?P<x>(?:_?[0-9a-fA-F])+)|0[bB](?P<b>(?:_?[01])+)|0[oO]?(?P<o>(?:_?[0-7])+)"
    r"|(?P<d>0|[1-9](?:_?[0-9])*))",
    re.ASCII,
)
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_HEX_FLOAT = re.compile(
    r"[+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]{1,6}", re.ASCII
)
_NAMED_FLOAT = re.compile(r"[+-]?(?:inf|infinity)|nan", re.IGNORECASE | re.ASCII)
_BASES = {"x": 16, "b": 2, "o": 8, "d": 10}


@dataclass
class NumError(ValueError):
    """A text that is no number of the kind; as text it is what Go says."""

    function: str
    text: str
    reason: str

    def __str__(self) -> str:
        return f"strconv.{self.function}: parsing {quote(self.text)}: {self.reason}"


def parse_int(text: str, base: int = 10, bits: int = 64) -> int:
    """ParseInt: a signed number of so many bits. Base 0 takes the prefixes and underscores of Go's syntax."""
    return _ranged("ParseInt", text, base, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def parse_uint(text: str, base: int = 10, bits: int = 64) -> int:
    """ParseUint: the same without a sign."""
    if text[:1] in ("+", "-"):
        raise NumError("ParseUint", text, SYNTAX)
    return _ranged("ParseUint", text, base, 0, (1 << bits) - 1)


def atoi(text: str) -> int:
    """Atoi: ParseInt by another name."""
    return _ranged("Atoi", text, 10, -(1 << 63), (1 << 63) - 1)


def _ranged(function: str, text: str, base: int, lowest: int, highest: int) -> int:
    match = (_ANY_BASE if base == 0 else _DECIMAL).fullmatch(text)
    if match is None:
        raise NumError(function, text, SYNTAX)
    kind = "d" if base else next(name for name in _BASES if match[name])
    digits = (match[2] if base else match[kind]).replace("_", "").lstrip("0")
    if len(digits) > 64:  # longer than any of them in base 2: not even read
        raise NumError(function, text, RANGE)
    number = int(digits or "0", _BASES[kind])
    number = -number if match[1] == "-" else number
    if not lowest <= number <= highest:
        raise NumError(function, text, RANGE)
    return number


def parse_float(text: str) -> float:
    """ParseFloat of 64 bits."""
    if _NAMED_FLOAT.fullmatch(text):
        return float(text)
    if _HEX_FLOAT.fullmatch(text):
        number = _from_hex(text)
    elif _FLOAT.fullmatch(text):
        number = float(text)
    else:
        raise NumError("ParseFloat", text, SYNTAX)
    if number in (float("inf"), float("-inf")):
        raise NumError("ParseFloat", text, RANGE)
    return number


def _from_hex(text: str) -> float:
    try:
        return float.fromhex(text)
    except OverflowError:
        return float("inf")


# Quoting.

_SHORT = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
}
_ESCAPES = {shown[1]: char for char, shown in _SHORT.items()}
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.ASCII | re.DOTALL
)


def quote(text: str, around: str = '"', *, ascii_only: bool = False) -> str:
    """Quote (or QuoteRune, with `around` an apostrophe): the text as a literal of Go's."""
    return around + "".join(_shown(char, around, ascii_only) for char in text) + around


def _shown(char: str, around: str, ascii_only: bool) -> str:
    code = ord(char)
    if char == around:
        return "\\" + char
    if char in _SHORT:
        return _SHORT[char]
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if char.isprintable() and (code < 0x80 or not ascii_only):
        return char
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def unquote(literal: str) -> str:
    """Unquote: the text of a literal in quotes, backquotes or apostrophes. Raises ValueError."""
    if literal.startswith("`"):
        return literal[1:-1].replace("\r", "")
    around, inner = literal[:1], literal[1:-1]
    parts: list[bytes] = []
    at = 0
    while (slash := inner.find("\\", at)) >= 0:
        parts.append(_bytes(inner[at:slash]))
        match = _ESCAPE.match(inner, slash)
        if match is None:
            raise ValueError(SYNTAX)
        parts.append(_unescaped(match, around))
        at = match.end()
    parts.append(_bytes(inner[at:]))
    return b"".join(parts).decode(errors="surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _unescaped(match: re.Match[str], around: str) -> bytes:
    """The bytes that an escape sequence stands for. In a double-quoted string `\\x` and octal are single
    bytes, in a character they are code points."""
    byte, short, long, octal, char = match.groups()
    if byte or octal:
        code = int(byte, 16) if byte else int(octal, 8)
        if code > 0xFF:
            raise ValueError(SYNTAX)
        return bytes([code]) if around == '"' else chr(code).encode()
    if short or long:
        code = int(short or long, 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise ValueError(SYNTAX)
        return chr(code).encode()
    if char in _ESCAPES or char == around:
        return _ESCAPES.get(char, char).encode()
    raise ValueError(SYNTAX)
