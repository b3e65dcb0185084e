"""The words of a command line, sorted into options and others. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass
class Options:
    """The words of a command line, sorted."""

    flags: set[str]
    values: dict[str, list[str]]
    rest: list[str]


def parse(words: Sequence[str], flags: dict[str, str], values: dict[str, str]) -> Options:
    """Sort words into options and others. `flags` and `values` give each spelling its name; short flags
    may be joined. Raises ValueError for an option that is not known."""
    options = Options(set(), {}, [])
    waiting = iter(words)
    for word in waiting:
        if not word.startswith("-") or word == "-":
            options.rest.append(word)
        elif word.startswith("--"):
            name, equals, value = word.partition("=")
            if name in flags and not equals:
                options.flags.add(flags[name])
            elif name in values:
                options.values.setdefault(values[name], []).append(value if equals else _next(waiting))
            else:
                raise ValueError(word)
        else:
            _short(word, waiting, flags, values, options)
    return options


def _short(
    word: str, waiting: Iterator[str], flags: dict[str, str], values: dict[str, str], options: Options
) -> None:
    for at, letter in enumerate(word[1:], 2):
        name = f"-{letter}"
        if name in flags:
            options.flags.add(flags[name])
        elif name in values:
            options.values.setdefault(values[name], []).append(word[at:] or _next(waiting))
            return
        else:
            raise ValueError(word)


def _next(waiting: Iterator[str]) -> str:
    word = next(waiting, None)
    if word is None:
        raise ValueError("an option without its value")
    return word
