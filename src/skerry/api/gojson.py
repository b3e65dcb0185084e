"""Malformed JSON, complained about in the words of Go's decoder, since that is what clients have seen."""

from __future__ import annotations

import json


def complaint(text: str) -> str:
    """What Go's encoding/json says about a text that is no JSON."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
            return "unexpected EOF"
        where = _PLACES.get(error.msg, "looking for beginning of value")
        return f"invalid character {_quoted(text[error.pos])} {where}"
    return "invalid JSON"


_PLACES = {
    "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
    "Illegal trailing comma before end of object": "looking for beginning of object key string",
    "Expecting ':' delimiter": "after object key",
    "Expecting ',' delimiter": "after object key:value pair",
    "Extra data": "after top-level value",
    "Invalid control character at": "in string literal",
}


def _quoted(character: str) -> str:
    return {"'": r"'\''", '"': "'\"'"}.get(character, f"'{character}'")
