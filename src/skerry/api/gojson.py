"""JSON as Go reads it: where a value ends, and what is wrong with it in the words of Go's scanner.

Clients have seen these words, and a body may have something after its value, which older engines leave alone.
"""

from __future__ import annotations

import re

from skerry.control.mismatch import REWRITTEN

DEEPEST = 500
"""So many objects and arrays may be in each other; Go stops at 10,000."""

_SPACE = re.compile(r"[ \t\r\n]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_LITERALS = {"t": "true", "f": "false", "n": "null"}
_NEWER = {
    "after decimal point in numeric literal": "in numeric literal",
    "in exponent of numeric literal": "in numeric literal",
    "in string literal": "in string",
}
"""Where something is wrong, in the words of the decoder that was written anew."""


class Malformed(ValueError):
    """What is wrong, in Go's words; `ended` where the text ended too early, for which its readers differ."""

    def __init__(self, message: str, newer: str = "", *, ended: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.newer = newer or message
        self.ended = ended

    def words(self, go: tuple[int, int]) -> str:
        """What a decoder of this version of Go says."""
        return self.newer if go >= REWRITTEN else self.message


def first_value(text: str) -> tuple[str, str]:
    """The text of the first value, and what comes behind it. Raises Malformed."""
    start = _skip(text, 0)
    end = _Scanner(text).value(start)
    return text[start:end], text[_skip(text, end) :]


def only_value(text: str) -> str:
    """The text of the value that there must be alone. Raises Malformed."""
    start = _skip(text, 0)
    end = _Scanner(text).value(start)
    rest = _skip(text, end)
    if rest < len(text):
        raise _unexpected(text, rest, "after top-level value")
    return text[start:end]


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _unexpected(text: str, at: int, where: str) -> Malformed:
    if at >= len(text):
        return Malformed("unexpected end of JSON input", ended=True)
    message = f"invalid character {_quoted_byte(text[at])} {where}"
    return Malformed(message, f"invalid character {_quoted(text[at])} {_NEWER.get(where, where)}")


def _escape(text: str, start: int, at: int, where: str) -> Malformed:
    """A wrong escape, which begins at `start`, by what is odd `at` its end."""
    match = _unexpected(text, at, where)
    shown = text[start : start + (6 if text[start + 1] == "u" else 2)]
    return match if match.ended else Malformed(match.message, f"invalid escape sequence `{shown}` in string")


def _quoted_byte(character: str) -> str:
    """Go quoted the first byte, read as Latin-1."""
    return _quoted(chr(character.encode("utf-8", "surrogateescape")[0]))


def _quoted(character: str) -> str:
    shown = {"'": r"\'", '"': '"', "\\": r"\\", "\n": r"\n", "\t": r"\t", "\r": r"\r", "\x07": r"\a"}
    shown |= {"\b": r"\b", "\f": r"\f", "\v": r"\v"}
    text = shown.get(character)
    if text is None:
        text = character if character.isprintable() else _escaped(ord(character))
    return f"'{text}'"


def _escaped(rune: int) -> str:
    if rune < 0x80:
        return f"\\x{rune:02x}"
    return f"\\u{rune:04x}" if rune < 0x10000 else f"\\U{rune:08x}"


class _Scanner:
    """Walks over one value with a stack of its own, so that depth costs no recursion."""

    def __init__(self, text: str) -> None:
        self.text = text

    def value(self, at: int) -> int:
        """The end of the value that begins here."""
        open_ends: list[str] = []
        while True:
            at = self._begin(at, open_ends)
            if at < 0:
                at = -at
                continue
            while True:
                if not open_ends:
                    return at
                at, more = self._after(at, open_ends)
                if more:
                    break

    def _begin(self, at: int, open_ends: list[str]) -> int:
        """Past a scalar or an empty container; negative: the place of the first value inside one."""
        text = self.text
        at = _skip(text, at)
        character = text[at : at + 1]
        if character and character in "{[":
            if len(open_ends) >= DEEPEST:
                raise Malformed(f"invalid character '{character}' exceeded max depth", "exceeded max depth")
            end = "}" if character == "{" else "]"
            inner = _skip(text, at + 1)
            if text[inner : inner + 1] == end:
                return inner + 1
            open_ends.append(end)
            return -(self._key(inner) if character == "{" else inner)
        if character == '"':
            return self._string(at)
        if character in _LITERALS:
            return self._literal(at, _LITERALS[character])
        if character and character in "-0123456789":
            return self._number(at)
        raise _unexpected(text, at, "looking for beginning of value")

    def _after(self, at: int, open_ends: list[str]) -> tuple[int, bool]:
        """Behind a value inside a container: (where to go on, whether another value comes)."""
        at = _skip(self.text, at)
        end, character = open_ends[-1], self.text[at : at + 1]
        if character == end:
            open_ends.pop()
            return at + 1, False
        if character != ",":
            where = "after object key:value pair" if end == "}" else "after array element"
            raise _unexpected(self.text, at, where)
        at = _skip(self.text, at + 1)
        return (self._key(at) if end == "}" else at), True

    def _key(self, at: int) -> int:
        if self.text[at : at + 1] != '"':
            raise _unexpected(self.text, at, "looking for beginning of object key string")
        at = _skip(self.text, self._string(at))
        if self.text[at : at + 1] != ":":
            raise _unexpected(self.text, at, "after object key")
        return at + 1

    def _string(self, at: int) -> int:
        """Walk over a string, from its opening quote to behind its closing one. Raises Malformed at the
        character where Go's scanner does."""
        text, at = self.text, at + 1
        while True:
            match = _PLAIN.match(text, at)
            at = match.end() if match else at
            character = text[at : at + 1]
            if character == '"':
                return at + 1
            if character != "\\":
                raise _unexpected(text, at, "in string literal")
            start, at = at, at + 1
            character = text[at : at + 1]
            if character == "u":
                at = self._unicode(at + 1)
            elif character and character in '"\\/bfnrt':
                at += 1
            else:
                raise _escape(text, start, at, "in string escape code")

    def _unicode(self, at: int) -> int:
        for offset in range(4):
            character = self.text[at + offset : at + offset + 1]
            if not character or character not in "0123456789abcdefABCDEF":
                raise _escape(self.text, at - 2, at + offset, r"in \u hexadecimal character escape")
        return at + 4

    def _literal(self, at: int, word: str) -> int:
        for offset, expected in enumerate(word):
            if self.text[at + offset : at + offset + 1] != expected:
                raise _unexpected(self.text, at + offset, f"in literal {word} (expecting '{expected}')")
        return at + len(word)

    def _number(self, at: int) -> int:
        match = _NUMBER.match(self.text, at)
        if match is None:
            raise _unexpected(self.text, at + 1, "in numeric literal")
        end = match.end()
        following, number = self.text[end : end + 1], match.group()
        if following == "." and not re.search("[.eE]", number):
            raise _unexpected(self.text, end + 1, "after decimal point in numeric literal")
        if following in ("e", "E") and not re.search("[eE]", number):
            sign = self.text[end + 1 : end + 2] in ("+", "-")
            raise _unexpected(self.text, end + (2 if sign else 1), "in exponent of numeric literal")
        return end
