"""Health as values: what to check, when to probe next, what a result means. No clock, no I/O.

Durations are nanoseconds; an age is the time since the container started. Readiness is probed at once:
an early failure proves nothing, so nothing is unhealthy before `start_period + retries * interval`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from skerry.health.override import AS_SKERRY_CHOOSES, ProbeOverride
from skerry.health.probe import Probe
from skerry.health.translate import SHELL, translated
from skerry.model import defaults
from skerry.model.objects import Raw
from skerry.model.specs import Healthcheck
from skerry.model.times import timestamp

FIRST_GAP = 250 * defaults.MILLISECOND
FIRST_SOCKET_GAP = 20 * defaults.MILLISECOND
"""A probe by socket costs next to nothing."""
GAP_SHARE = 8
"""While it starts, the gap between probes is this share of the age: readiness is seen at most an eighth
of the starting time late, and a slow start is not hammered."""

LOG_LENGTH = 5
OUTPUT_LIMIT = 4096
STARTING, HEALTHY, UNHEALTHY = "starting", "healthy", "unhealthy"


@dataclass(frozen=True)
class Check:
    """A health check with nothing left to default: `probe` if there is one, else (or where the probe can't
    tell) `command`."""

    command: tuple[str, ...]
    interval: int = defaults.HEALTH_INTERVAL
    timeout: int = defaults.HEALTH_TIMEOUT
    retries: int = defaults.HEALTH_RETRIES
    start_period: int = 0
    probe: Probe | None = None

    @property
    def patience(self) -> int:
        """The age before which no failure counts."""
        return self.start_period + self.retries * self.interval


@dataclass(frozen=True)
class ProbeResult:
    """One probe; times are wall-clock nanoseconds."""

    start: int
    end: int
    exit_code: int
    output: str


@dataclass(frozen=True)
class TaskHealth:
    """What the probes of a task have shown so far."""

    status: str = STARTING
    streak: int = 0
    """Failures one after another, the last ones."""
    log: tuple[ProbeResult, ...] = ()

    def docker(self) -> Raw:
        """As `docker inspect` has it below State.Health."""
        entries = [
            {
                "Start": timestamp(result.start),
                "End": timestamp(result.end),
                "ExitCode": result.exit_code,
                "Output": result.output,
            }
            for result in self.log
        ]
        return {"Status": self.status, "FailingStreak": self.streak, "Log": entries}


def check_of(
    spec: Healthcheck,
    image: Raw,
    override: ProbeOverride = AS_SKERRY_CHOOSES,
    environment: Sequence[str] = (),
) -> Check | None:
    """The check of a task: what a label asks for, else its spec's, completed by the image's (`image` is the
    image's Config; `environment` the spec's own, `NAME=value`).

    None where there is none, or it is NONE, or of a kind that no engine knows.
    """
    built_in = image.get("Healthcheck") or {}
    command = _command(spec.test or built_in.get("Test") or [], image.get("Shell") or SHELL)
    command, probe = _overridden(command, override, [*(image.get("Env") or ()), *environment])
    if not command and probe is None:
        return None
    return Check(
        command,
        spec.interval or built_in.get("Interval") or defaults.HEALTH_INTERVAL,
        spec.timeout or built_in.get("Timeout") or defaults.HEALTH_TIMEOUT,
        spec.retries or built_in.get("Retries") or defaults.HEALTH_RETRIES,
        spec.start_period or built_in.get("StartPeriod") or 0,
        probe,
    )


def _overridden(
    command: tuple[str, ...], override: ProbeOverride, environment: Sequence[str]
) -> tuple[tuple[str, ...], Probe | None]:
    if override.none or override.probe is not None:
        return (), override.probe
    if override.command:
        return override.command, None
    return command, None if override.as_is else translated(command, environment)


def _command(test: list[str], shell: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    if test[:1] == ["CMD"]:
        return tuple(test[1:])
    if test[:1] == ["CMD-SHELL"]:
        return (*shell, *test[1:])
    return ()


def recorded(state: TaskHealth, check: Check, result: ProbeResult, age: int) -> TaskHealth:
    """The state after a probe that ended at `age`."""
    log = (*state.log, result)[-LOG_LENGTH:]
    if result.exit_code == 0:
        return TaskHealth(HEALTHY, 0, log)
    failed = replace(state, streak=state.streak + 1, log=log)
    over = age >= check.patience if state.status == STARTING else failed.streak >= check.retries
    return replace(failed, status=UNHEALTHY) if over else failed


def gap(state: TaskHealth, check: Check, age: int) -> int:
    """How long to wait before the next probe, when the last one ended at `age`."""
    if state.status != STARTING:
        return check.interval
    first = FIRST_GAP if check.probe is None else FIRST_SOCKET_GAP
    early = min(max(first, age // GAP_SHARE), check.interval)
    left = check.patience - age
    return min(early, left) if left > 0 else early
