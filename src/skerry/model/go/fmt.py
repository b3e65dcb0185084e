"""Go's `fmt`: Sprint, Sprintln, Sprintf, for the values of templates.

What a verb cannot do is told in the text, as Go tells it: `%!d(string=x)`, `%!(BADWIDTH)`, `%!(NOVERB)`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from skerry.model.go import floats
from skerry.model.go.budget import Budget
from skerry.model.go.strconv import quote
from skerry.model.go.values import Record, Uint8, encoded, type_name

LARGEST = 1_000_000
"""No width and no precision that is given as an argument may be larger."""
DIGITS = 24
"""A single number takes no more, whatever it is, but for width and precision."""
NIL = "<nil>"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_NOT_RAW = re.compile("[\x00-\x08\x0a-\x1f`\x7f\ufeff\udc80-\udcff]")
"""What cannot stand between backquotes."""


@dataclass(frozen=True)
class Flags:
    """What stands between `%` and the verb."""

    plus: bool = False
    minus: bool = False
    sharp: bool = False
    space: bool = False
    zero: bool = False
    width: int | None = None
    precision: int | None = None
    names: bool = False
    """`%+v`: with the names of fields."""
    syntax: bool = False
    """`%#v`: as Go's syntax."""

    def padded(self, text: str) -> str:
        """The text in its width."""
        missing = (self.width or 0) - len(text)
        if missing <= 0:
            return text
        if self.minus:
            return text + " " * missing
        return ("0" if self.zero else " ") * missing + text


PLAIN = Flags()


def sprint(values: Sequence[Any], budget: Budget | None = None) -> str:
    """The values one after another; a space between two that are both no strings."""
    printer = _Printer(budget)
    parts: list[str] = []
    for place, value in enumerate(values):
        if place and not isinstance(value, str) and not isinstance(values[place - 1], str):
            parts.append(" ")
        parts.append(printer.argument(value, "v", PLAIN))
    return "".join(parts)


def sprintln(values: Sequence[Any], budget: Budget | None = None) -> str:
    """The values with a space between each two, and a new line."""
    printer = _Printer(budget)
    return " ".join(printer.argument(value, "v", PLAIN) for value in values) + "\n"


def sprintf(flags: str, values: Sequence[Any] = (), budget: Budget | None = None) -> str:
    """The flags with its verbs filled."""
    budget = budget or Budget()
    budget.make(len(flags))
    return _Format(flags, values, _Printer(budget)).text()


class _Format:
    """One flags, read from `at` on; `next` is the argument that the next verb takes."""

    def __init__(self, flags: str, values: Sequence[Any], printer: _Printer) -> None:
        self._layout, self._values, self._printer = flags, values, printer
        self._at = self._next = 0
        self._good_index = self._after_index = True
        self._reordered = False
        self._parts: list[str] = []

    def text(self) -> str:
        """The whole."""
        while True:
            percent = self._layout.find("%", self._at)
            if percent < 0:
                self._parts.append(self._layout[self._at :])
                break
            self._parts.append(self._layout[self._at : percent])
            self._at = percent + 1
            self._verb()
        if not self._reordered and self._next < len(self._values):
            extra = ", ".join(self._with_type(value) for value in self._values[self._next :])
            self._parts.append(f"%!(EXTRA {extra})")
        return "".join(self._parts)

    def _with_type(self, value: Any) -> str:
        return NIL if value is None else f"{type_name(value)}={self._printer.argument(value, 'v', PLAIN)}"

    def _verb(self) -> None:
        flags = self._flags()
        self._good_index, self._after_index = True, False
        self._index()
        width = self._width(flags)
        flags = self._precision(width)
        if not self._after_index:
            self._index()
        verb = self._layout[self._at : self._at + 1]
        self._at += 1
        self._parts.append(self._filled(verb, flags))

    def _filled(self, verb: str, flags: Flags) -> str:
        if not verb:
            return "%!(NOVERB)"
        if verb == "%":
            return "%"
        if not self._good_index:
            return f"%!{verb}(BADINDEX)"
        if self._next >= len(self._values):
            return f"%!{verb}(MISSING)"
        if verb in "vw":
            flags = replace(flags, syntax=flags.sharp, sharp=False, names=flags.plus, plus=False)
        self._next += 1
        return self._printer.argument(self._values[self._next - 1], verb, flags)

    def _flags(self) -> Flags:
        begin = self._at
        while self._at < len(self._layout) and self._layout[self._at] in "#0+- ":
            self._at += 1
        flags = set(self._layout[begin : self._at])
        minus = "-" in flags
        return Flags("+" in flags, minus, "#" in flags, " " in flags, "0" in flags and not minus)

    def _here(self, character: str) -> bool:
        return self._layout[self._at : self._at + 1] == character

    def _index(self) -> None:
        """`[n]`: the number of the argument that comes next, from 1."""
        if not self._here("["):
            self._after_index = False
            return
        self._reordered = True
        end = self._layout.find("]", self._at)
        if end < 0 or len(self._layout) - self._at < 3:
            self._at += 1
            self._good_index = self._after_index = False
            return
        digits = self._layout[self._at + 1 : end]
        self._at = end + 1
        self._after_index = digits.isascii() and digits.isdecimal() and len(digits) < 8
        if self._after_index and 1 <= int(digits) <= len(self._values):
            self._next = int(digits) - 1
        else:
            self._good_index = False

    def _width(self, flags: Flags) -> Flags:
        if not self._here("*"):
            width = self._number()
            self._good_index = self._good_index and not (self._after_index and width is not None)
            return replace(flags, width=width)
        self._at += 1
        width = self._argument()
        self._after_index = False
        if width is None:
            self._parts.append("%!(BADWIDTH)")
        elif width < 0:
            return replace(flags, width=-width, minus=True, zero=False)
        return replace(flags, width=width)

    def _precision(self, flags: Flags) -> Flags:
        """The flags with the precision that stands next in the format, if any does; `*` takes it from an
        argument. One that is negative or no number is Go's BADPREC."""
        if not self._here(".") or self._at + 1 >= len(self._layout):
            return flags
        self._at += 1
        self._good_index = self._good_index and not self._after_index
        self._index()
        if not self._here("*"):
            return replace(flags, precision=self._number() or 0)
        self._at += 1
        precision = self._argument()
        self._after_index = False
        if precision is None or precision < 0:
            self._parts.append("%!(BADPREC)")
            return flags
        return replace(flags, precision=precision)

    def _number(self) -> int | None:
        """A number that stands here. One that is crazily long takes all of the rest, as in Go."""
        number: int | None = None
        while self._layout[self._at : self._at + 1] in tuple("0123456789"):
            if (number or 0) > LARGEST:
                self._at = len(self._layout)
                return None
            number = (number or 0) * 10 + ord(self._layout[self._at]) - ord("0")
            self._at += 1
        return number

    def _argument(self) -> int | None:
        """The next argument as a width or precision; None where it is none."""
        if self._next >= len(self._values):
            return None
        value = self._values[self._next]
        self._next += 1
        fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST
        return int(value) if fits else None


class _Printer:
    """Prints values, and pays for what it makes before it makes it."""

    def __init__(self, budget: Budget | None) -> None:
        self._budget = budget or Budget()

    def argument(self, value: Any, verb: str, flags: Flags) -> str:
        """A value as a verb wants it."""
        self._pay(value, flags)
        if verb == "T":
            return flags.padded(NIL if value is None else type_name(value))
        if value is None:
            return flags.padded(NIL) if verb == "v" else f"%!{verb}({NIL})"
        if verb in "pw":
            return self._bad(value, verb, flags)
        if isinstance(value, Record) and value.type_name.startswith("*"):
            return "&" + self._record(value, verb, flags)
        return self._value(value, verb, flags)

    def _pay(self, value: Any, flags: Flags) -> None:
        self._budget.step()
        made = len(value) if isinstance(value, str) else DIGITS
        self._budget.make(max(made, flags.width or 0) + (flags.precision or 0) * (not isinstance(value, str)))

    def _value(self, value: Any, verb: str, flags: Flags) -> str:
        """A value as its verb shows it, by its type. `bool` comes before `int`, which it is in Python but not
        in Go."""
        if isinstance(value, bool):
            known = verb in "tv"
            return flags.padded("true" if value else "false") if known else self._bad(value, verb, flags)
        if isinstance(value, int):
            return self._integer(value, verb, flags)
        if isinstance(value, float):
            return self._float(value, verb, flags)
        if isinstance(value, complex):
            return self._complex(value, verb, flags)
        if isinstance(value, str):
            return self._string(value, verb, flags)
        if isinstance(value, Mapping):
            return self._map(value, verb, flags)
        return self._record(value, verb, flags) if isinstance(value, Record) else f"?{type_name(value)}?"

    def _bad(self, value: Any, verb: str, flags: Flags) -> str:
        return f"%!{verb}({type_name(value)}={self._value(value, 'v', flags)})"

    # What is made of parts.

    def _part(self, value: Any, verb: str, flags: Flags) -> str:
        self._pay(value, flags)
        return self._value(value, verb, flags)

    def _map(self, value: Mapping[str, str], verb: str, flags: Flags) -> str:
        pairs = [
            f"{self._part(key, verb, flags)}:{self._part(value[key], verb, flags)}"
            for key in sorted(value, key=encoded)
        ]
        return f"map[string]string{{{', '.join(pairs)}}}" if flags.syntax else f"map[{' '.join(pairs)}]"

    def _record(self, value: Record, verb: str, flags: Flags) -> str:
        named = flags.names or flags.syntax
        parts = [
            (f"{name}:" if named else "") + self._part(field, verb, flags)
            for name, field in value.fields.items()
        ]
        if flags.syntax:
            return f"{value.type_name.lstrip('*')}{{{', '.join(parts)}}}"
        return "{" + " ".join(parts) + "}"

    # Texts.

    def _string(self, value: str, verb: str, flags: Flags) -> str:
        if verb == "v" and flags.syntax:
            return self._quoted(value, flags)
        if verb in "vs":
            return flags.padded(value if flags.precision is None else value[: flags.precision])
        if verb == "q":
            return self._quoted(value, flags)
        if verb in "xX":
            return self._bytes(value, verb, flags)
        return self._bad(value, verb, flags)

    def _quoted(self, value: str, flags: Flags) -> str:
        value = value if flags.precision is None else value[: flags.precision]
        raw = flags.sharp and not _NOT_RAW.search(value)
        text = f"`{value}`" if raw else quote(value, ascii_only=flags.plus)
        self._budget.make(len(text))
        return flags.padded(text)

    def _bytes(self, value: str, verb: str, flags: Flags) -> str:
        data = encoded(value)[: flags.precision]
        if not data:
            return flags.padded("")
        self._budget.make(4 * len(data))
        between = f" {'0x' if flags.sharp else ''}" if flags.space else ""
        digits = ("0x" if flags.sharp else "") + between.join(f"{byte:02x}" for byte in data)
        return flags.padded(digits.upper() if verb == "X" else digits)

    # Numbers.

    def _integer(self, value: int, verb: str, flags: Flags) -> str:
        if verb == "v" and flags.syntax and isinstance(value, Uint8):
            return f"0x{value:x}"
        base = {"v": "d", "d": "d", "b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}.get(verb)
        if base is not None:
            return self._digits(value, verb, base, flags)
        if verb == "c":
            return flags.padded(_rune(value))
        if verb == "q":
            return flags.padded(quote(_rune(value), "'", ascii_only=flags.plus))
        return self._unicode(value, flags) if verb == "U" else self._bad(value, verb, flags)

    def _digits(self, value: int, verb: str, base: str, flags: Flags) -> str:
        """An integer in a base, with sign, prefix and zeros. The width is filled with zeros here and not when
        the text is padded: the zeros go between the sign and the digits."""
        if flags.precision == 0 and value == 0:
            return replace(flags, zero=False).padded("")
        sign = "-" if value < 0 else "+" if flags.plus else " " if flags.space else ""
        least = flags.precision or 0
        if flags.precision is None and flags.zero and flags.width:
            least = flags.width - len(sign)
        digits = f"{abs(int(value)):{base}}".rjust(least, "0")
        prefix = {"b": "0b", "x": "0x", "X": "0X"}.get(base, "") if flags.sharp else ""
        if base == "o" and flags.sharp and not digits.startswith("0"):
            prefix = "0"
        if verb == "O":
            prefix = "0o"
        return replace(flags, zero=False).padded(sign + prefix + digits)

    def _unicode(self, value: int, flags: Flags) -> str:
        code = value & (1 << 64) - 1
        digits = f"{code:X}".rjust(max(4, flags.precision or 0), "0")
        shown = flags.sharp and code < 0x110000 and _rune(code).isprintable()
        return replace(flags, zero=False).padded(f"U+{digits}" + (f" '{_rune(code)}'" if shown else ""))

    def _float(self, value: float, verb: str, flags: Flags) -> str:
        """A float as its verb shows it. Zeros go between the sign and the digits; infinities and NaN are
        never filled with any."""
        if verb not in "vbgGxXfFeE":
            return self._bad(value, verb, flags)
        text = floats.formatted(value, verb, flags.precision, sharp=flags.sharp)
        sign = text[0] if text[0] in "+-" else "+"
        digits = text.lstrip("+-")
        infinite = digits in ("Inf", "NaN")
        flags = replace(flags, zero=flags.zero and not infinite)
        shown = sign if sign == "-" or flags.plus else " " if flags.space else ""
        if digits == "Inf" and sign == "+" and not flags.space:
            shown = "+"
        if flags.zero and shown and flags.width is not None:
            return shown + replace(flags, width=flags.width - 1).padded(digits)
        return flags.padded(shown + digits)

    def _complex(self, value: complex, verb: str, flags: Flags) -> str:
        if verb not in "vbgGxXfFeE":
            return self._bad(value, verb, flags)
        real = self._float(value.real, verb, flags)
        return f"({real}{self._float(value.imag, verb, replace(flags, plus=True))}i)"


def _rune(code: int) -> str:
    return chr(code) if 0 <= code < 0x110000 and not 0xD800 <= code <= 0xDFFF else REPLACEMENT
