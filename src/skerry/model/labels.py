"""The labels of a service that steer skerry: Docker's API has no fields for them, and a label passes.

One table says all of each: what its value may be, what holds where it is absent, and what becomes of it on
a real Swarm. docs/labels.md is made of it. They are labels of the service (`deploy.labels` in a compose
file), so that a change replaces no task; only the settings of containers (`skerry.model.container_settings`)
and their hooks (`skerry.model.hooks`) are labels of the container.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from skerry.model import defaults
from skerry.model.container_settings import SETTINGS
from skerry.model.dependencies import read_dependencies
from skerry.model.hooks import HOOKS
from skerry.model.label import Label
from skerry.model.listening import read_ports
from skerry.model.times import duration

PREFIX = "skerry."

INSTANCE = "skerry.instance"
"""On the containers of tasks, in the engine alone: which skerry of the machine made it."""

STACK = "com.docker.stack.namespace"
"""The docker CLI's: the stack that a service or a network belongs to."""
STACK_IMAGE = "com.docker.stack.image"
"""The docker CLI's: the image of a service as its file names it."""

DEPENDS_ON = "skerry.depends_on"
UPDATE_DEADLINE = "skerry.update.deadline"
HISTORY_KEEP = "skerry.history.keep"
RESTART_MAX_DELAY = "skerry.restart.max-delay"
SOCKET = "skerry.socket"
HOLD_TIMEOUT = "skerry.hold.timeout"
DRAIN_TIMEOUT = "skerry.drain.timeout"
DRAIN_QUIET = "skerry.drain.quiet"
DRAIN_IDLE = "skerry.drain.idle"
AFTERLIFE = "skerry.address.afterlife"
PROBE = "skerry.probe"
READINESS = "skerry.probe.readiness"
READY_PORTS = "skerry.ready.ports"
READY_TIMEOUT = "skerry.ready.timeout"
LIVENESS = "skerry.probe.liveness"
MOVED = "skerry.moved"
STOPPED = "skerry.moved.stopped"


def _duration(name: str, default: int, help: str, on_swarm: str, longest: int = 0) -> Label:
    def read(text: str) -> int:
        length = duration(text)
        if longest and length > longest:
            raise ValueError(f"{text} is longer than 1h")
        return length

    values = "a duration such as `30s` or `1m30s`" + (", `1h` at most" if longest else "")
    return Label(name, help, values, read, default, on_swarm)


def _count(name: str, default: int, least: int, most: int, help: str, on_swarm: str) -> Label:
    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and least <= int(text) <= most:
            return int(text)
        raise ValueError(f'"{text}" is no number from {least} to {most}')

    return Label(name, help, f"a number from {least} to {most}", read, default, on_swarm)


def _choice(name: str, words: tuple[str, ...], default: str, help: str, on_swarm: str = "") -> Label:

    def read(text: str) -> str:
        if text in words:
            return text
        listed = f"neither {words[0]} nor {words[1]}" if len(words) == 2 else f"none of {_listed(words)}"
        raise ValueError(f'"{text}" is {listed}')

    return Label(name, help, ", ".join(f"`{word}`" for word in words), read, default, on_swarm)


def _listed(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


_PROBES = "`http://:PORT/PATH`, `tcp://:PORT`, `exec` (the HEALTHCHECK as it stands), `exec COMMAND`"
_BY_HEALTHCHECK = "a task there is ready by its HEALTHCHECK, or, where it has none, as soon as it runs"
_NOT_DRAINED = "a task there gets SIGTERM 2 s after it left the table, whatever it is still answering"

_TABLE = (
    _duration(
        HOLD_TIMEOUT,
        defaults.HOLD_TIMEOUT,
        "How long a connection waits while no task is ready; with `0s` it is refused.",
        "connections are refused there while no task is ready",
        defaults.HOUR,
    ),
    _duration(
        DRAIN_TIMEOUT,
        defaults.DRAIN_TIMEOUT,
        "How long a task that stops may take to answer what is in flight.",
        _NOT_DRAINED,
        defaults.HOUR,
    ),
    _duration(
        DRAIN_QUIET,
        defaults.DRAIN_QUIET,
        "How long an answer may pause before it counts as complete.",
        _NOT_DRAINED,
        defaults.HOUR,
    ),
    _choice(
        DRAIN_IDLE,
        ("auto", "close", "leave", "wait"),
        "auto",
        "What becomes of idle connections: they are closed, left to the task, or waited for to the end; "
        "`auto` closes those of HTTP/1 and leaves what is known to be something else.",
        _NOT_DRAINED,
    ),
    _duration(
        AFTERLIFE,
        defaults.AFTERLIFE,
        "How long the address of a task that is gone still leads to its service; with `0s` not at all.",
        "who keeps the address of a task that is gone gets no answer there",
        defaults.HOUR,
    ),
    Label(
        PROBE,
        "How skerry finds out whether a task is ready, and whether it lives.",
        _PROBES,
        on_swarm=_BY_HEALTHCHECK,
    ),
    Label(READINESS, "The same, only until the task is ready.", _PROBES, on_swarm=_BY_HEALTHCHECK),
    Label(LIVENESS, "The same, only afterwards.", f"{_PROBES}, `none`", on_swarm=_BY_HEALTHCHECK),
    Label(
        READY_PORTS,
        "Where a task without a health check listens when it is ready, if not where published ports lead or "
        "at what its image exposes.",
        "ports such as `8080` or `8080,53/udp`, or `none`",
        read_ports,
        on_swarm=_BY_HEALTHCHECK,
    ),
    _duration(
        READY_TIMEOUT,
        defaults.READY_TIMEOUT,
        "How long is waited for that before the task counts as running all the same; with `0s` not at all.",
        _BY_HEALTHCHECK,
        defaults.HOUR,
    ),
    Label(
        DEPENDS_ON,
        "Which services of the same stack have to be started, healthy or completed before its tasks start.",
        "names with conditions such as `db:healthy, migrate:completed, cache:started?`: `?` need not be "
        "there, `!` restarts with it",
        read_dependencies,
        on_swarm="the services of a stack start there in any order",
    ),
    _duration(
        UPDATE_DEADLINE,
        defaults.UPDATE_DEADLINE,
        "How long a task of an update may take to get ready before that counts as its failure.",
        "an update there waits for a task that gets stuck as long as it takes",
    ),
    _count(
        HISTORY_KEEP,
        defaults.HISTORY_KEPT,
        2,
        defaults.HISTORY_MOST,
        "How many revisions of the service are kept to go back to; of a stack's releases as many as one of "
        "its services asks for.",
        "one earlier spec of a service is kept there",
    ),
    _duration(
        RESTART_MAX_DELAY,
        defaults.RESTART_MAX_DELAY,
        "How far the pause between the tries of a crash loop grows; with `0` it is always the restart delay.",
        "a crash loop there restarts after the same delay each time",
    ),
    _choice(
        SOCKET,
        ("engine", "swarm"),
        "swarm",
        "Whose socket a container gets that binds the engine's. It may stand on the container too.",
    ),
    Label(
        MOVED,
        "Set by `skerry migrate` on what it made: the digests of a service's spec and image, or the ID of a "
        "secret.",
        "set by skerry",
    ),
    Label(STOPPED, "Set by `skerry migrate --stop-source` on a service that it stopped.", "set by skerry"),
)

LABELS = {label.name: label for label in (*_TABLE, *SETTINGS, *HOOKS)}
"""Every label of ours that a user may write, by its name: another one with the prefix is a mistake."""


OF_A_STACK = frozenset(
    {HOLD_TIMEOUT, DRAIN_TIMEOUT, DRAIN_QUIET, DRAIN_IDLE, AFTERLIFE, PROBE, READINESS, LIVENESS}
    | {READY_PORTS, READY_TIMEOUT, UPDATE_DEADLINE, RESTART_MAX_DELAY, DEPENDS_ON}
    | {"skerry.shm-size", "skerry.domainname", "skerry.network"}
)
"""Those that steer nothing but their own stack, and settings of containers that give them no right: who may
deploy one stack may set them, and no others."""


def read(labels: Mapping[str, str], name: str) -> Any:
    """The value of a label, or its default. Raises ValueError, in a sentence for the user."""
    label = LABELS[name]
    if name not in labels:
        return label.default
    try:
        return label.read(labels[name])
    except ValueError as error:
        raise ValueError(f"label {name}: {error}") from error


def read_duration(labels: Mapping[str, str] | None, name: str) -> int:
    """The value of a duration label (ns), or its default."""
    return read_count(labels, name)


def read_count(labels: Mapping[str, str] | None, name: str) -> int:
    """The value of a label that is a number, or its default.

    A malformed one is refused when a service is written; from before the label was known, it is as if absent.
    """
    try:
        return int(read(labels or {}, name))
    except ValueError:
        return int(LABELS[name].default)


def check(labels: Mapping[str, str]) -> None:
    """Raises ValueError, in a sentence for the user, for a service's label of ours with a value that means
    nothing, and for one that belongs on its containers."""
    for name, label in LABELS.items():
        if label.is_of_container and name in labels:
            raise ValueError(
                f"label {name} is one of the containers: write it below labels instead of deploy.labels, or "
                "with --container-label instead of --label"
            )
        read(labels, name)


def check_container(labels: Mapping[str, str]) -> None:
    """The same for a container's labels."""
    for label in (*SETTINGS, *HOOKS):
        read(labels, label.name)


def check_names(labels: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Raises ValueError, in a sentence for the user, for a label that would be ours, and that nobody knows.

    One that was there before, with the same value, stays: it may be from before the names were checked.
    """
    for name in sorted(labels):
        if not name.startswith(PREFIX) or name in LABELS or before.get(name) == labels[name]:
            continue
        (nearest,) = get_close_matches(name, LABELS, n=1, cutoff=0)
        known = ", ".join(sorted(LABELS))
        raise ValueError(f"there is no label {name}: is {nearest} meant? The labels are {known}")
