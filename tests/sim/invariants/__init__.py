"""What must always hold: small functions, each with its invariant in words.

Those in `COMMIT` are asked after every commit with a `Step`; each yields what it saw that must not be.
`Eyes` watches what the engine and the kernel are told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.sim.invariants import health, order, places, restarts, rows, slots, updates
from tests.sim.invariants.eyes import Eyes
from tests.sim.invariants.step import Step

__all__ = ["COMMIT", "Eyes", "Step"]

COMMIT: list[Callable[[Step], Iterator[str]]] = [
    *rows.INVARIANTS,
    *slots.INVARIANTS,
    *updates.INVARIANTS,
    *restarts.INVARIANTS,
    *places.INVARIANTS,
    *health.INVARIANTS,
    *order.INVARIANTS,
]
