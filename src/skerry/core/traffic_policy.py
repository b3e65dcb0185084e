"""How a service's traffic and health are treated, as its labels ask (`model.labels`). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    READY_PORTS,
    READY_TIMEOUT,
    read,
)
from skerry.model.listening import Port
from skerry.model.objects import Service

USUAL_DRAIN = DrainRules()


@dataclass(frozen=True)
class TrafficPolicy:
    """How a service is treated; durations in nanoseconds."""

    hold_timeout: int = defaults.HOLD_TIMEOUT
    drain: DrainRules = USUAL_DRAIN
    readiness: ProbeOverride = AS_SKERRY_CHOOSES
    liveness: ProbeOverride = AS_SKERRY_CHOOSES
    ready_ports: tuple[Port, ...] | None = None
    """Where a task listens once it is ready; None: where its published ports lead, or its image says."""
    ready_timeout: int = defaults.READY_TIMEOUT


def read_policy(labels: Mapping[str, str]) -> TrafficPolicy:
    """What the labels of a service ask for. Raises ValueError with a sentence for what makes no sense."""
    both, readiness, liveness = (_override(labels, name) for name in (PROBE, READINESS, LIVENESS))
    if (both is not None and both.none) or (readiness is not None and readiness.none):
        raise ValueError("a readiness probe can't be none: to check nothing, set the health check to NONE")
    return TrafficPolicy(
        hold_timeout=read(labels, HOLD_TIMEOUT),
        drain=DrainRules(
            timeout=read(labels, DRAIN_TIMEOUT),
            quiet=read(labels, DRAIN_QUIET),
            idle=read(labels, DRAIN_IDLE),
        ),
        readiness=readiness or both or AS_SKERRY_CHOOSES,
        liveness=liveness or both or AS_SKERRY_CHOOSES,
        ready_ports=read(labels, READY_PORTS),
        ready_timeout=read(labels, READY_TIMEOUT),
    )


def _override(labels: Mapping[str, str], name: str) -> ProbeOverride | None:
    """What a label of probes says; None where it is absent."""
    text = read(labels, name)
    try:
        return None if text is None else read_override(text)
    except ValueError as error:
        raise ValueError(f"label {name}: {error}") from error


def policy_of(service: Service | None) -> TrafficPolicy:
    """The policy of a service; the usual one where it is gone, or was made before its labels meant
    something."""
    try:
        return read_policy(service.spec.typed.labels if service is not None else {})
    except ValueError:
        return TrafficPolicy()
