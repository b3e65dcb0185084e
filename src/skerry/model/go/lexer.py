"""The words of a template: text, and between `{{` and `}}` the tokens of an action."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from skerry.model.go.budget import Budget
from skerry.model.go.strconv import quote

TEXT, SPACE, FIELD, DOT, VARIABLE, WORD, KEYWORD = (
    "text",
    "space",
    "field",
    "dot",
    "variable",
    "word",
    "keyword",
)
STRING, RAW, CHARACTER, NUMBER, COMPLEX, BOOL = "string", "raw", "character", "number", "complex", "bool"
LEFT, RIGHT, OPEN, CLOSE, PIPE, DECLARE, ASSIGN = "{{", "}}", "(", ")", "|", ":=", "="
SIGN, ERROR, EOF = "sign", "error", "EOF"

KEYWORDS = frozenset(
    {"block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with"}
)
SPACES = " \t\r\n"

_LEFT = re.compile(r"\{\{(-(?=[ \t\r\n]))?")
_RIGHT = re.compile(r"([ \t\r\n]-)?\}\}")
_COMMENT_AHEAD = re.compile(r"[ \t\r\n]?/\*")
_SPACE = re.compile(r"[ \t\r\n]+")
_NAME = re.compile(r"\w+")
_STRING = re.compile(r'"(?:\\[^\n]|[^"\\\n])*"')
_RAW = re.compile(r"`[^`]*`")
_CHARACTER = re.compile(r"'(?:\\[^\n]|[^'\\\n])*'")
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*(?:\.[0-7_]*)?"
    r"|0[bB][01_]*(?:\.[01_]*)?|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?"
)
_QUOTED = {
    '"': (STRING, _STRING, "unterminated quoted string"),
    "`": (RAW, _RAW, "unterminated raw quoted string"),
    "'": (CHARACTER, _CHARACTER, "unterminated character constant"),
}


@dataclass(frozen=True)
class Token:
    """A word; `at` is its place in the whole text."""

    kind: str
    text: str
    at: int

    def __str__(self) -> str:
        if self.kind == EOF:
            return EOF
        if self.kind == ERROR:
            return self.text
        if self.kind in (KEYWORD, DOT):
            return f"<{self.text}>"
        return f"{quote(self.text[:10])}..." if len(self.text) > 10 else quote(self.text)


class Lexer:
    """Reads a template from its front to its end."""

    def __init__(self, text: str, budget: Budget) -> None:
        self._text = text
        self._budget = budget
        self._at = 0
        self._open = 0
        """How many parentheses are open."""

    def tokens(self) -> Iterator[Token]:
        """All tokens; an EOF or an ERROR is the last."""
        trim = False
        while True:
            left = _LEFT.search(self._text, self._at)
            plain = self._text[self._at : left.start() if left else len(self._text)]
            start = self._at + (len(plain) - len(plain.lstrip(SPACES)) if trim else 0)
            plain = plain.lstrip(SPACES) if trim else plain
            plain = plain.rstrip(SPACES) if left and left[1] else plain
            if plain:
                yield self._token(TEXT, plain, start)
            if left is None:
                yield self._token(EOF, "", len(self._text))
                return
            self._at = left.end()
            last = yield from self._comment() if self._comment_ahead() else self._action(left.start())
            if last.kind == ERROR:
                return
            trim = last.text.startswith(tuple(SPACES))

    def _token(self, kind: str, text: str, at: int) -> Token:
        self._budget.step()
        return Token(kind, text, at)

    def _comment_ahead(self) -> bool:
        return _COMMENT_AHEAD.match(self._text, self._at) is not None and (
            self._text.startswith("/*", self._at) or self._text[self._at - 1] == "-"
        )

    def _comment(self) -> Generator[Token, None, Token]:
        """Past a comment, of which nothing is told but how it ends."""
        begin = self._at
        closing = self._text.find("*/", self._text.index("/*", begin) + 2)
        right = _RIGHT.match(self._text, closing + 2) if closing >= 0 else None
        if right is None:
            reason = "unclosed comment" if closing < 0 else "comment ends before closing delimiter"
            token = self._token(ERROR, reason, begin)
            yield token
            return token
        self._at = right.end()
        return self._token(RIGHT, right.group(), right.start())

    def _action(self, at: int) -> Generator[Token, None, Token]:
        """The tokens of one action, its delimiters among them."""
        yield self._token(LEFT, "{{", at)
        self._open = 0
        while True:
            token = self._next()
            yield token
            if token.kind in (RIGHT, ERROR):
                return token

    def _next(self) -> Token:
        """The next token inside an action, by its first character. What fits no kind is an error token, at
        which the parser stops."""
        begin = self._at
        right = _RIGHT.match(self._text, begin)
        if right is not None:
            self._at = right.end()
            if self._open:
                return self._token(ERROR, "unclosed left paren", begin)
            return self._token(RIGHT, right.group(), begin)
        character = self._text[begin : begin + 1]
        if not character:
            return self._token(ERROR, "unclosed action", begin)
        if character in SPACES:
            return self._space()
        if character in _QUOTED:
            kind, pattern, reason = _QUOTED[character]
            match = pattern.match(self._text, begin)
            return self._matched(kind, match) if match else self._token(ERROR, reason, begin)
        if character in "+-0123456789" or (character == "." and self._text[begin + 1 : begin + 2] in _DIGITS):
            return self._number()
        if character in ".$":
            return self._field_or_variable(character)
        if _NAME.match(character):
            return self._word()
        return self._sign(character)

    def _matched(self, kind: str, match: re.Match[str]) -> Token:
        self._at = match.end()
        return self._token(kind, match.group(), match.start())

    def _space(self) -> Token:
        """A run of spaces; the last one may belong to ` -}}`."""
        match = _SPACE.match(self._text, self._at)
        assert match is not None
        end = match.end()
        closing = _RIGHT.match(self._text, end - 1)
        begin, self._at = self._at, end - 1 if closing and end - 1 > self._at else end
        return self._token(SPACE, self._text[begin : self._at], begin)

    def _number(self) -> Token:
        """A number, or a complex one such as 1+2i. Letters right behind it make it bad syntax, as in Go."""
        match = _NUMBER.match(self._text, self._at)
        assert match is not None
        begin, end, kind = self._at, match.end(), NUMBER
        good = not self._alphanumeric(end)
        if good and self._text[end : end + 1] in ("+", "-"):  # 1+2i
            imaginary = _NUMBER.match(self._text, end)
            assert imaginary is not None
            end, kind = imaginary.end(), COMPLEX
            good = not self._alphanumeric(end) and imaginary.group().endswith("i")
        if not good:
            end += self._alphanumeric(end)
            return self._token(ERROR, f"bad number syntax: {quote(self._text[begin:end])}", begin)
        self._at = end
        return self._token(kind, self._text[begin:end], begin)

    def _alphanumeric(self, at: int) -> bool:
        return _NAME.match(self._text, at) is not None

    def _field_or_variable(self, character: str) -> Token:
        begin = self._at
        match = _NAME.match(self._text, begin + 1)
        self._at = match.end() if match else begin + 1
        if not self._ends(self._at):
            return self._bad_character()
        kind = VARIABLE if character == "$" else FIELD if match else DOT
        return self._token(kind, self._text[begin : self._at], begin)

    def _word(self) -> Token:
        match = _NAME.match(self._text, self._at)
        assert match is not None
        self._at = match.end()
        if not self._ends(self._at):
            return self._bad_character()
        word = match.group()
        kind = KEYWORD if word in KEYWORDS else BOOL if word in ("true", "false") else WORD
        return self._token(kind, word, match.start())

    def _ends(self, at: int) -> bool:
        """Whether a name may end here."""
        following = self._text[at : at + 1]
        return not following or following in SPACES + ".,|:)(" or self._text.startswith("}}", at)

    def _bad_character(self) -> Token:
        return self._token(ERROR, f"bad character {_code_point(self._text[self._at])}", self._at)

    def _sign(self, character: str) -> Token:
        """A token of signs: `:=`, `=`, `|` or a parenthesis. Parentheses are counted, since an action must
        not end inside of one."""
        begin = self._at
        self._at += 1
        if character == ":":
            if self._text[self._at : self._at + 1] != "=":
                return self._token(ERROR, "expected :=", begin)
            self._at += 1
            return self._token(DECLARE, ":=", begin)
        if character in "()":
            self._open += 1 if character == OPEN else -1
            if self._open < 0:
                self._open = 0
        if character in "=|()":
            return self._token(character, character, begin)
        if character.isascii() and character.isprintable():
            return self._token(SIGN, character, begin)
        return self._token(ERROR, f"unrecognized character in action: {_code_point(character)}", begin)


_DIGITS = tuple("0123456789")


def _code_point(character: str) -> str:
    """Go's %#U."""
    shown = f" '{character}'" if character.isprintable() else ""
    return f"U+{ord(character):04X}{shown}"
