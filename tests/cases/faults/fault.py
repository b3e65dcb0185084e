"""What a fault is: a name, how it is done, and beside what it may be done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from tests.cases.faults.stage import Stage

Act = Callable[[Stage], None]


class Span(Enum):
    """Beside what a fault may be done: faults of the same span are done one after another."""

    SUDDEN = "done in a moment, at any time"
    LASTING = "lasts for a while, while sudden ones are done"
    ALONE = "its own doing needs a machine at rest, or takes the state away for a moment"


@dataclass(frozen=True)
class Fault:
    """`act` returns once the harm is done, and what only a person could undo is undone. What containers it
    takes away, it tells the stage's `harms`."""

    name: str
    act: Act
    quick: bool = False
    span: Span = Span.SUDDEN


FAULTS: list[Fault] = []


def fault(name: str, *, quick: bool = False, span: Span = Span.SUDDEN) -> Callable[[Act], Act]:
    """Add a function to the faults; `quick` ones make the short form."""

    def add(act: Act) -> Act:
        FAULTS.append(Fault(name, act, quick, span))
        return act

    return add
