"""What a label of ours is: one row of the table in `skerry.model.labels`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Label:
    """One label. `read` makes a value of its text, or raises ValueError with a sentence for the user."""

    name: str
    help: str
    values: str
    """What may stand there, for a reader of the documentation."""
    read: Callable[[str], Any] = str
    default: Any = None
    """What holds where it is absent (a duration in nanoseconds)."""
    on_swarm: str = ""
    """What happens on a real Swarm, where it steers nothing."""
    container: str = ""
    """Where its value goes in the body of `POST /containers/create`, e.g. `HostConfig.Privileged`. Such a
    label stands on the container, so that a change replaces the tasks; all others stand on the service."""
    on_container: bool = False
    """Whether it stands on the container without being a field of its creation."""

    @property
    def is_of_container(self) -> bool:
        """Whether it stands on the container."""
        return self.on_container or bool(self.container)
