"""Runs of lines that stand in two places."""

from __future__ import annotations

from collections.abc import Iterable

from bench.shape.source import Module

RUN = 6
"""So many lines of code, the same but for their indentation, are no accident."""

Place = tuple[str, int]


def repeats(modules: Iterable[Module], run: int = RUN) -> list[tuple[Place, Place]]:
    """Pairs of a module and a line at which the same run begins; a longer run is named once."""
    first_places: dict[tuple[str, ...], tuple[int, int]] = {}
    modules = list(modules)
    code = [list(module.code_lines()) for module in modules]
    pairs: list[tuple[Place, Place]] = []
    for number, lines in enumerate(code):
        texts = [text for _, text in lines]
        previous: tuple[int, int] | None = None
        for at in range(len(texts) - run + 1):
            window = tuple(texts[at : at + run])
            there = first_places.setdefault(window, (number, at))
            if there == (number, at) or (there[0] == number and at - there[1] < run):
                previous = None
                continue
            if previous is None or there != (previous[0], previous[1] + 1):
                pairs.append(
                    (
                        (modules[there[0]].name, code[there[0]][there[1]][0]),
                        (modules[number].name, lines[at][0]),
                    )
                )
            previous = there
    return pairs
