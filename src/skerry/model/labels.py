"""The labels of a service that steer skerry: Docker's API has no fields for them, and a label passes."""

from __future__ import annotations

from collections.abc import Mapping

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


def check(labels: Mapping[str, str]) -> None:
    """Raises ValueError, in a sentence for the user, for a label of ours with a value that means nothing."""
    if labels.get(SOCKET, "swarm") not in ("engine", "swarm"):
        raise ValueError(f'label {SOCKET}: "{labels[SOCKET]}" is neither engine nor swarm')
    for name in DURATIONS.keys() & labels.keys():
        try:
            duration(labels[name])
        except ValueError as error:
            raise ValueError(f"label {name}: {error}") from error
