"""The values that stand in a template: what a token means, and to which parameters it may go."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from skerry.model.go import lexer, strconv
from skerry.model.go.lexer import Token
from skerry.model.go.strconv import quote


def read(token: Token) -> tuple[str, Any]:
    """The kind of a literal (`bool`, `string` or `number`) and its value. Raises ValueError in Go's words."""
    match token.kind:
        case lexer.BOOL:
            return "bool", token.text == "true"
        case lexer.STRING | lexer.RAW:
            return "string", strconv.unquote(token.text)
        case lexer.CHARACTER:
            return "number", _character(token.text)
        case lexer.COMPLEX:
            return "number", _complex(token.text)
    return "number", _number(token.text)


def _character(literal: str) -> int:
    text = strconv.unquote(literal)
    if not text:
        raise ValueError(strconv.SYNTAX)
    if len(text) > 1:
        raise ValueError(f"malformed character constant: {literal}")
    return ord(text)


def _number(text: str) -> int | float | complex:
    if text.endswith("i"):
        return complex(0, _float(text[:-1]))
    with suppress(strconv.NumError):
        return strconv.parse_int(text, 0)
    number = _float(text)
    if not set(text) & set(".eEpP"):
        raise ValueError(f"integer overflow: {quote(text)}")
    return number


def _complex(text: str) -> complex:
    at = max(text.rfind("+"), text.rfind("-"))
    return complex(_float(text[:at]), _float(text[at:-1]))


def _float(text: str) -> float:
    try:
        return strconv.parse_float(text)
    except strconv.NumError:
        raise ValueError(f"illegal number syntax: {quote(text)}") from None
