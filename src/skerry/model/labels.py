"""The labels of a service that steer skerry: Docker's API has no fields for them, and a label passes."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from skerry.model import defaults
from skerry.model.times import duration

PREFIX = "skerry."

INSTANCE = "skerry.instance"
"""On the containers of tasks, in the engine alone: which skerry of the machine made it."""

UPDATE_DEADLINE = "skerry.update.deadline"
"""How long a task of an update may take to get ready before that counts as its failure."""

RESTART_MAX_DELAY = "skerry.restart.max-delay"
"""How far the pause between the tries of a crash loop may grow; with `0` it is always the restart delay."""

SOCKET = "skerry.socket"
"""Whose socket a container gets that binds the engine's: the `swarm`'s, which is meant unless it says
`engine`."""

HOLD_TIMEOUT = "skerry.hold.timeout"
DRAIN_TIMEOUT = "skerry.drain.timeout"
DRAIN_QUIET = "skerry.drain.quiet"
DRAIN_IDLE = "skerry.drain.idle"
PROBE = "skerry.probe"
READINESS = "skerry.probe.readiness"
LIVENESS = "skerry.probe.liveness"

MOVED = "skerry.moved"
"""On what `skerry migrate` made: `SPEC.IMAGE` (digests) for a service, its ID there for a secret."""

STOPPED = "skerry.moved.stopped"
"""On a service at the other end that `--stop-source` has stopped."""

KNOWN = (
    DRAIN_IDLE,
    DRAIN_QUIET,
    DRAIN_TIMEOUT,
    HOLD_TIMEOUT,
    LIVENESS,
    MOVED,
    PROBE,
    READINESS,
    RESTART_MAX_DELAY,
    SOCKET,
    STOPPED,
    UPDATE_DEADLINE,
)
"""Every label of ours that a user may write: another one that begins with `skerry.` is a mistake."""

DURATIONS = {
    UPDATE_DEADLINE: defaults.UPDATE_DEADLINE,
    RESTART_MAX_DELAY: defaults.RESTART_MAX_DELAY,
}
"""Labels whose value is a duration such as `30s` or `1m30s`, with what holds where they are absent (ns)."""


def read_duration(labels: Mapping[str, str] | None, name: str) -> int:
    """The value of a duration label (ns), or its default.

    A malformed one is refused when a service is written; from before the label was known, it is as if absent.
    """
    given = (labels or {}).get(name)
    if given is None:
        return DURATIONS[name]
    try:
        return duration(given)
    except ValueError:
        return DURATIONS[name]


def check_names(labels: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Raises ValueError, in a sentence for the user, for a label that would be ours, and that nobody knows.

    One that was there before, with the same value, stays: it may be from before the names were checked.
    """
    for name in sorted(labels):
        if not name.startswith(PREFIX) or name in KNOWN or before.get(name) == labels[name]:
            continue
        (nearest,) = get_close_matches(name, KNOWN, n=1, cutoff=0)
        raise ValueError(f"there is no label {name}: is {nearest} meant? The labels are {', '.join(KNOWN)}")


def check(labels: Mapping[str, str]) -> None:
    """Raises ValueError, in a sentence for the user, for a label of ours with a value that means nothing."""
    if labels.get(SOCKET, "swarm") not in ("engine", "swarm"):
        raise ValueError(f'label {SOCKET}: "{labels[SOCKET]}" is neither engine nor swarm')
    for name in DURATIONS.keys() & labels.keys():
        try:
            duration(labels[name])
        except ValueError as error:
            raise ValueError(f"label {name}: {error}") from error
