"""The labels by which a service says how its traffic and its health shall be treated. Pure.

They are labels of the service (`deploy.labels` in a compose file), so that a change replaces no task.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from skerry.core.probing import SHELL, HttpProbe, NotTranslated, Probe, TcpProbe, http_probe
from skerry.model import defaults
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

LONGEST = 3600 * defaults.SECOND


@dataclass(frozen=True)
class Wish:
    """What a label asks of a health check: `probe` (a socket), `command` (to execute), or `as_is`: the
    HEALTHCHECK, executed as it stands. All empty: skerry chooses. `none`: no check at all."""

    probe: Probe | None = None
    command: tuple[str, ...] = ()
    as_is: bool = False
    none: bool = False


@dataclass(frozen=True)
class Handling:
    """How a service is treated; durations in nanoseconds."""

    hold_timeout: int = defaults.HOLD_TIMEOUT
    drain_timeout: int = defaults.DRAIN_TIMEOUT
    drain_quiet: int = defaults.DRAIN_QUIET
    drain_idle: str = "close"
    """What becomes of idle connections: `close` them, `leave` them to the task, `wait` for their end."""
    readiness: Wish = Wish()
    liveness: Wish = Wish()


def handling(labels: Mapping[str, str]) -> Handling:
    """What the labels of a service ask for. Raises ValueError with a sentence for what makes no sense."""
    said: dict[str, Any] = {
        name: read(name, labels[name]) for name, read in _READERS.items() if name in labels
    }
    both = said.get(PROBE, Wish())
    if both.none or said.get(READINESS, Wish()).none:
        raise ValueError("a readiness probe can't be none: to check nothing, set the health check to NONE")
    return Handling(
        hold_timeout=said.get(HOLD_TIMEOUT, defaults.HOLD_TIMEOUT),
        drain_timeout=said.get(DRAIN_TIMEOUT, defaults.DRAIN_TIMEOUT),
        drain_quiet=said.get(DRAIN_QUIET, defaults.DRAIN_QUIET),
        drain_idle=said.get(DRAIN_IDLE, "close"),
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


_TCP = re.compile(r"tcp://(?P<host>localhost|127\.0\.0\.1|\[::1\])?:(?P<port>\d{1,5})/?")


def _wish(name: str, text: str) -> Wish:
    word, _, line = text.strip().partition(" ")
    if word == "exec":
        return Wish(command=(*SHELL, line.strip())) if line.strip() else Wish(as_is=True)
    if word == "none" and not line:
        return Wish(none=True)
    if not line:
        try:
            return Wish(probe=_socket(word))
        except (NotTranslated, ValueError):
            pass
    raise ValueError(
        f'label {name}: "{text}" is none of http://:PORT/PATH, tcp://:PORT, exec, exec COMMAND '
        "(and none, for liveness); the host is the container itself"
    )


def _socket(word: str) -> Probe:
    if word.startswith("http://"):
        probe: HttpProbe = http_probe(word)
        return probe
    found = _TCP.fullmatch(word)
    if not found or not 1 <= int(found["port"]) <= 65535:
        raise ValueError(word)
    hosts = {"[::1]": ("::1",), "127.0.0.1": ("127.0.0.1",)}.get(found["host"] or "", ("127.0.0.1", "::1"))
    return TcpProbe(hosts, int(found["port"]))


_READERS: dict[str, Callable[[str, str], object]] = {
    HOLD_TIMEOUT: _duration,
    DRAIN_TIMEOUT: _duration,
    DRAIN_QUIET: _duration,
    DRAIN_IDLE: _idle,
    PROBE: _wish,
    READINESS: _wish,
    LIVENESS: _wish,
}
