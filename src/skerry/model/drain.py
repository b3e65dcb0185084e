"""How a task gets out of the traffic: what its service's labels ask for, and what came of it."""

from __future__ import annotations

from msgspec import Struct

from skerry.model.defaults import DRAIN_QUIET, DRAIN_TIMEOUT, MILLISECOND


class DrainRules(Struct, frozen=True):
    """How a task is drained. Durations in nanoseconds."""

    timeout: int = DRAIN_TIMEOUT
    quiet: int = DRAIN_QUIET
    """How long an answer may pause before it counts as complete."""
    idle: str = "auto"
    """What becomes of idle connections. `close`: they are closed. `leave`: wait for requests in flight only,
    and leave every connection to the task, which ends them itself when it hears SIGTERM, as its protocol
    wants it. `auto`: close those on which a client asks and is answered, leave others. `wait`: until they
    have ended by themselves."""


class DrainOutcome(Struct, frozen=True):
    """How a drain ended."""

    open: int = 0
    """Connections with a request still in flight: 0 unless time ran out."""
    waited: int = 0
    """Nanoseconds."""
    closed_idle: int = 0
    """Idle connections that it closed."""
    left: int = 0
    """Connections that it left to the task, which has nothing in flight on them."""

    def __str__(self) -> str:
        waited = f"{self.waited / MILLISECOND:.0f} ms"
        left = f"{self.left} left to it, " if self.left else ""
        return f"drained in {waited}: {self.closed_idle} idle closed, {left}{self.open} still open"
