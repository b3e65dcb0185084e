"""What goes wrong with the state on the disk."""

from __future__ import annotations

from skerry.model.errors import SkerryError


class StateError(SkerryError):
    """The state can't be read or written; the text says which file and what to do."""


class StateCame(StateError):
    """Nobody had begun a swarm yet, and now there is one's state at the path: its disk came late."""


class DisplacedError(StateError):
    """What is written now may not be what the next start reads: somebody removed or changed the file."""
