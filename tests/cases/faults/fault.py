"""What a fault is: a name, how it is done, and what it takes with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.cases.faults.stage import Stage

Act = Callable[[Stage], "Harm | None"]


@dataclass(frozen=True)
class Harm:
    """The tasks (by address) whose containers the fault killed or paused: a request that was led to one of
    them no later than `grace_s` after the fault fails rightly."""

    addresses: frozenset[str]
    grace_s: float = 1.0


@dataclass(frozen=True)
class Fault:
    """`act` returns once the harm is done, and what only a person could undo is undone."""

    name: str
    act: Act
    quick: bool = False


FAULTS: list[Fault] = []


def fault(name: str, *, quick: bool = False) -> Callable[[Act], Act]:
    """Add a function to the faults; `quick` ones make the short form."""

    def add(act: Act) -> Act:
        FAULTS.append(Fault(name, act, quick))
        return act

    return add
