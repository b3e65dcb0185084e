"""The labels by which a service says how its traffic and its health shall be treated. Pure.

They are labels of the service (`deploy.labels` in a compose file), so that a change replaces no task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from skerry.health.override import AS_SKERRY_CHOOSES, ProbeOverride, read_override
from skerry.model import defaults
from skerry.model.drain import DrainRules
from skerry.model.labels import (
    DRAIN_IDLE,
    DRAIN_QUIET,
    DRAIN_TIMEOUT,
    HOLD_TIMEOUT,
    LIVENESS,
    PROBE,
    READINESS,
)
from skerry.model.objects import Service
from skerry.model.times import duration

USUAL_DRAIN = DrainRules()
LONGEST = 3600 * defaults.SECOND


@dataclass(frozen=True)
class Handling:
    """How a service is treated; durations in nanoseconds."""

    hold_timeout: int = defaults.HOLD_TIMEOUT
    drain: DrainRules = USUAL_DRAIN
    readiness: ProbeOverride = AS_SKERRY_CHOOSES
    liveness: ProbeOverride = AS_SKERRY_CHOOSES


def handling(labels: Mapping[str, str]) -> Handling:
    """What the labels of a service ask for. Raises ValueError with a sentence for what makes no sense."""
    said: dict[str, Any] = {
        name: read(name, labels[name]) for name, read in _READERS.items() if name in labels
    }
    both = said.get(PROBE, AS_SKERRY_CHOOSES)
    if both.none or said.get(READINESS, AS_SKERRY_CHOOSES).none:
        raise ValueError("a readiness probe can't be none: to check nothing, set the health check to NONE")
    return Handling(
        hold_timeout=said.get(HOLD_TIMEOUT, defaults.HOLD_TIMEOUT),
        drain=DrainRules(
            timeout=said.get(DRAIN_TIMEOUT, USUAL_DRAIN.timeout),
            quiet=said.get(DRAIN_QUIET, USUAL_DRAIN.quiet),
            idle=said.get(DRAIN_IDLE, USUAL_DRAIN.idle),
        ),
        readiness=said.get(READINESS, both),
        liveness=said.get(LIVENESS, both),
    )


def handling_of(service: Service | None) -> Handling:
    """The handling of a service; the usual one where it is gone, or was made before its labels meant
    something."""
    try:
        return handling(service.spec.typed.labels if service is not None else {})
    except ValueError:
        return Handling()


def _duration(name: str, text: str) -> int:
    try:
        found = duration(text)
    except ValueError as error:
        raise ValueError(f"label {name}: {error}") from error
    if found > LONGEST:
        raise ValueError(f"label {name}: {text} is longer than 1h")
    return found


def _idle(name: str, text: str) -> str:
    if text not in ("close", "leave", "wait"):
        raise ValueError(f'label {name}: "{text}" is none of close, leave and wait')
    return text


def _probe(name: str, text: str) -> ProbeOverride:
    try:
        return read_override(text)
    except ValueError as error:
        raise ValueError(f"label {name}: {error}") from error


_READERS: dict[str, Callable[[str, str], object]] = {
    HOLD_TIMEOUT: _duration,
    DRAIN_TIMEOUT: _duration,
    DRAIN_QUIET: _duration,
    DRAIN_IDLE: _idle,
    PROBE: _probe,
    READINESS: _probe,
    LIVENESS: _probe,
}
