"""What a fault takes with it: requests that were in there fail rightly."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.cases.faults.load import Request

KILLED_S = 1.0
"""So long after its container was killed the kernel may still lead connections to a task."""


@dataclass
class Harm:
    """Places (by address) that a fault killed or paused, from when on (on CLOCK_MONOTONIC), and until when
    connections may have been led there."""

    addresses: frozenset[str]
    services: frozenset[str]
    """Whose tasks were taken: a connection that was held before has the gate between it and its task."""
    since: float = field(default_factory=time.monotonic)
    until: float = math.inf

    def explains(self, request: Request, places: frozenset[str], gate: frozenset[str]) -> bool:
        """Whether a request that was led to these places was in what this took away."""
        led = bool(places & self.addresses or (places & gate and request.service in self.services))
        return led and request.start <= self.until and self.since <= request.end


class Harms:
    """All that there were on a stage: a request may end in a later fault than the one it began in."""

    def __init__(self) -> None:
        self.gate: frozenset[str] = frozenset()
        """The gate's addresses, all that it ever had."""
        self._all: list[Harm] = []

    @contextmanager
    def to(
        self, addresses: frozenset[str], services: frozenset[str] = frozenset(), grace_s: float = KILLED_S
    ) -> Iterator[None]:
        """Whatever is done in this takes them away, and so long after it a connection may be led there."""
        harm = Harm(addresses, services)
        self._all.append(harm)
        try:
            yield
        finally:
            harm.until = time.monotonic() + grace_s

    def explain(self, request: Request, places: frozenset[str]) -> bool:
        """Whether one of them explains why a request failed."""
        return any(harm.explains(request, places, self.gate) for harm in list(self._all))
