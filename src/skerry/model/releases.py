"""A release: what one call made of a stack, with all that it takes to make it again, and how it ended."""

from __future__ import annotations

from msgspec import Struct

from skerry.model.declare import Raw

NEW, UNCHANGED, IN_PLACE, ROLLED, REMOVED = "new", "unchanged", "in-place", "rolled", "removed"
"""What a release does with a service. In place: no task is replaced."""
STARTED = "started"
"""It was stopped, and is what it was."""
CHANGED = "changed"
"""What it does with a config or a secret whose labels are others."""
RENEWED = "new content"
"""The same of one that shows another version."""

ROLLING, CONVERGED, FAILED = "rolling", "converged", "failed"
TAKING_BACK, TAKEN_BACK = "rolling back", "rolled back"
SUPERSEDED = "superseded"
PAUSED = "paused"
"""Of a service's revision: its update stands still until somebody does something about it."""
UNDER_WAY = frozenset({ROLLING, TAKING_BACK})


class Stop(Struct, frozen=True):
    """That a service was stopped: who did it, as far as that is known, and when (ns)."""

    by: str
    at: int


class ReleasedService(Struct, frozen=True):
    """A service as a release has it."""

    id: str
    name: str
    spec: Raw
    """As it is stored: networks, configs and secrets by ID, the image pinned."""
    action: str
    spec_version: int = 0
    """Tasks and services that carry it are of this release."""
    before: int = 0
    """The revision that it returns to where the release is taken back; 0: it was not there."""
    iteration_before: int = 0
    """Of a job: its run before this release."""
    stopped: Stop | None = None
    """Where it was stopped before: it is so again where the release is taken back."""
    unfinished: bool = False
    """Of a job: that run was not over, and what it had begun is gone, so that it is begun anew."""


class Made(Struct, frozen=True):
    """A network, config or secret that a release made, or a version of one that it shows."""

    kind: str
    id: str
    name: str
    replaces: str = ""
    """Of another version of a config or secret: the one that was shown before, by its ID."""


class Failure(Struct, frozen=True):
    """The task by which a release failed, and the last lines of its log."""

    service: str
    task: str
    message: str
    log: tuple[str, ...] = ()


class Outcome(Struct, frozen=True):
    """How a release goes, or ended."""

    state: str = ROLLING
    reason: str = ""
    failed: Failure | None = None
    ended_at: int = 0


class ReleasedNetwork(Struct, frozen=True):
    """A network of a release: its ID when the release was made, and the body that makes it again."""

    id: str
    spec: Raw


class Release(Struct, frozen=True):
    """One content of a stack. `id` is `STACK.NUMBER`; numbers rise with every call that changed something."""

    id: str
    stack: str
    number: int
    services: tuple[ReleasedService, ...]
    """Those that others depend on come first."""
    networks: tuple[ReleasedNetwork, ...] = ()
    configs: tuple[str, ...] = ()
    """Their names."""
    secrets: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    made: tuple[Made, ...] = ()
    """What is removed again where it is taken back, the last first where it is of a name."""
    by: str = ""
    origin: str = ""
    """Where the compose file lay."""
    text: str = ""
    """The compose file, without what is secret."""
    message: str = ""
    restores: int = 0
    """The release whose content it has, where it was made by going back to one; else 0."""
    atomic: bool = True
    """Whether it is taken back as a whole where a service of it fails."""
    plan: Raw = {}
    """What it was to do, as it was shown."""
    outcome: Outcome = Outcome()
    registry_auth: str = ""
    """The X-Registry-Auth of the call: never in an answer, encrypted on disk."""
    registry_config: str = ""
    """Its X-Registry-Config, in the same way."""
    version: int = 0
    created_at: int = 0
    updated_at: int = 0


def release_id(stack: str, number: int) -> str:
    """The ID of a release's row."""
    return f"{stack}.{number}"
