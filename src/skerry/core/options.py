"""The words of a command line, sorted into options and others. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass
class Options:
    """What a command line's words said."""

    flags: set[str]
    values: dict[str, list[str]]
    rest: list[str]


def options(words: Sequence[str], flags: dict[str, str], values: dict[str, str]) -> Options:
    """Sort words into options and others. `flags` and `values` give each spelling its name; short flags
    may be joined. Raises ValueError for an option that is not known."""
    found = Options(set(), {}, [])
    waiting = iter(words)
    for word in waiting:
        if not word.startswith("-") or word == "-":
            found.rest.append(word)
        elif word.startswith("--"):
            name, equals, value = word.partition("=")
            if name in flags and not equals:
                found.flags.add(flags[name])
            elif name in values:
                found.values.setdefault(values[name], []).append(value if equals else _next(waiting))
            else:
                raise ValueError(word)
        else:
            _short(word, waiting, flags, values, found)
    return found


def _short(
    word: str, waiting: Iterator[str], flags: dict[str, str], values: dict[str, str], found: Options
) -> None:
    for at, letter in enumerate(word[1:], 2):
        name = f"-{letter}"
        if name in flags:
            found.flags.add(flags[name])
        elif name in values:
            found.values.setdefault(values[name], []).append(word[at:] or _next(waiting))
            return
        else:
            raise ValueError(word)


def _next(waiting: Iterator[str]) -> str:
    word = next(waiting, None)
    if word is None:
        raise ValueError("an option without its value")
    return word
