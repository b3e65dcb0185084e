"""The functions that every template of Go's may call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from skerry.model.go import fmt
from skerry.model.go.budget import Budget
from skerry.model.go.values import Function, Record, Uint8, decoded, encoded, truth, type_name

ANY = "interface {}"
VALUE = "reflect.Value"


def functions(budget: Budget) -> dict[str, Function]:
    """All of them; what they make is paid from `budget`. `and` and `or` are evaluated as they are called."""

    def text(values: tuple[Any, ...]) -> str:
        made = fmt.sprint(["<no value>" if value is None else value for value in values], budget)
        budget.make(5 * len(made))
        return made

    return {
        "and": Function(_and, (VALUE, VALUE), variadic=True),
        "or": Function(_or, (VALUE, VALUE), variadic=True),
        "not": Function(lambda value: not truth(value), (VALUE,)),
        "call": Function(_call, (VALUE, VALUE), variadic=True),
        "index": Function(_index, (VALUE, VALUE), variadic=True),
        "slice": Function(_slice, (VALUE, VALUE), variadic=True),
        "len": Function(_length, (VALUE,)),
        "print": Function(lambda *values: fmt.sprint(values, budget), (ANY,), variadic=True),
        "printf": Function(
            lambda layout, *values: fmt.sprintf(layout, values, budget), ("string", ANY), variadic=True
        ),
        "println": Function(lambda *values: fmt.sprintln(values, budget), (ANY,), variadic=True),
        "html": Function(lambda *values: text(values).translate(_HTML), (ANY,), variadic=True),
        "js": Function(lambda *values: _js(text(values)), (ANY,), variadic=True),
        "urlquery": Function(lambda *values: quote_plus(encoded(text(values))), (ANY,), variadic=True),
        "eq": Function(_equal, (VALUE, VALUE), variadic=True),
        "ne": Function(lambda first, second: not _equal(first, second), (VALUE, VALUE)),
        "lt": Function(_less, (VALUE, VALUE)),
        "le": Function(_at_most, (VALUE, VALUE)),
        "gt": Function(lambda first, second: not _at_most(first, second), (VALUE, VALUE)),
        "ge": Function(lambda first, second: not _less(first, second), (VALUE, VALUE)),
    }


# Logic. Arguments that decide nothing any more are not evaluated: see `execute`.


def _and(*values: Any) -> Any:
    return next((value for value in values if not truth(value)), values[-1])


def _or(*values: Any) -> Any:
    return next((value for value in values if truth(value)), values[-1])


def _call(function: Any, *_: Any) -> Any:
    raise ValueError("call of nil" if function is None else f"non-function of type {type_name(function)}")


# Parts.


def _index(value: Any, *keys: Any) -> Any:
    """Go's `index`: the element of a map or a string at the keys, one after another. A key that a map lacks
    is its zero value; the message for anything else is Go's."""
    if value is None:
        raise ValueError("index of untyped nil")
    for key in keys:
        if isinstance(value, Mapping):
            if not isinstance(key, str):
                raise ValueError(
                    "value is nil; should be of type string"
                    if key is None
                    else f"value has type {type_name(key)}; should be string"
                )
            value = value.get(key, "")
        elif isinstance(value, str):
            data = encoded(value)
            value = Uint8(data[_place(key, len(data) - 1)])
        else:
            raise ValueError(f"can't index item of type {type_name(value)}")
    return value


def _place(key: Any, last: int) -> int:
    if key is None:
        raise ValueError("cannot index slice/array with nil")
    if isinstance(key, bool) or not isinstance(key, int):
        raise ValueError(f"cannot index slice/array with type {type_name(key)}")
    if not 0 <= key <= last:
        raise ValueError(f"index out of range: {int(key)}")
    return int(key)


def _slice(value: Any, *places: Any) -> str:
    """Go's `slice` of a string: it counts bytes, not characters. The checks stand in Go's order, as the first
    that fails gives the message."""
    if value is None:
        raise ValueError("slice of untyped nil")
    if len(places) > 3:
        raise ValueError(f"too many slice indexes: {len(places)}")
    if not isinstance(value, str):
        raise ValueError(f"can't slice item of type {type_name(value)}")
    if len(places) == 3:
        raise ValueError("cannot 3-index slice a string")
    data = encoded(value)
    numbers = [_place(place, len(data)) for place in places]
    begin = numbers[0] if numbers else 0
    end = numbers[1] if len(numbers) == 2 else len(data)
    if begin > end:
        raise ValueError(f"invalid slice index: {begin} > {end}")
    return decoded(data[begin:end])


def _length(value: Any) -> int:
    if value is None:
        raise ValueError("reflect: call of reflect.Value.Type on zero Value")
    if isinstance(value, str):
        return len(encoded(value))
    if isinstance(value, Mapping):
        return len(value)
    raise ValueError(f"len of type {type_name(value)}")


# Texts.

_HTML = {
    ord(char): shown
    for char, shown in {
        '"': "&#34;",
        "'": "&#39;",
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "\0": "\N{REPLACEMENT CHARACTER}",
    }.items()
}


def _js(text: str) -> str:
    return "".join(map(_js_character, text))


def _js_character(char: str) -> str:
    if char in "\\'\"":
        return f"\\{char}"
    plain = char.isprintable() if ord(char) >= 0x80 else char >= " " and char not in "<>&="
    return char if plain else f"\\u{ord(char):04X}"


# Comparisons.


def _kind(value: Any) -> str:
    if isinstance(value, Uint8):
        return "int"
    return type_name(value) if isinstance(value, bool | int | float | complex | str) else ""


def _equal(first: Any, *others: Any) -> bool:
    _check_comparable(first)
    if not others:
        raise ValueError("missing argument for comparison")
    return any(_pair_equal(first, other) for other in others)


def _pair_equal(first: Any, other: Any) -> bool:
    if first is None or other is None:
        return first is other
    if _kind(first) != _kind(other):
        raise ValueError("incompatible types for comparison")
    _check_comparable(other)
    if isinstance(first, Mapping) or isinstance(other, Mapping):
        return bool(first) == bool(other)  # nil maps
    if isinstance(first, Record) and isinstance(other, Record):
        return first.type_name == other.type_name and first.fields == other.fields
    return bool(first == other)


def _check_comparable(value: Any) -> None:
    inner = [value, *(value.fields.values() if isinstance(value, Record) else ())]
    if any(isinstance(part, Mapping) and part for part in inner):
        raise ValueError(f"non-comparable type {fmt.sprint([value])}: {type_name(value)}")


def _less(first: Any, second: Any) -> bool:
    kinds = _kind(first), _kind(second)
    if "" in kinds:
        raise ValueError("invalid type for comparison")
    if kinds[0] != kinds[1]:
        raise ValueError("incompatible types for comparison")
    if kinds[0] in ("bool", "complex128"):
        raise ValueError("invalid type for comparison")
    if isinstance(first, str):
        return encoded(first) < encoded(second)
    return bool(first < second)


def _at_most(first: Any, second: Any) -> bool:
    return _less(first, second) or _equal(first, second)
