"""Which engine a swarm is on, known again by its ID and its data: the services' volumes are nowhere else."""

from __future__ import annotations

import msgspec

from skerry.model.objects import Raw

ID_IN_DATA = 23
"""From this Docker on, an engine's ID is kept with its data; before, all engines of a machine share one."""


class Identity(msgspec.Struct, frozen=True):
    """An engine, as it is stored with the swarm. With an empty `id`, whichever answers is meant."""

    socket: str
    private: bool = False
    id: str = ""
    root: str = ""
    """Where its data is."""
    live_restore: bool = True
    """Whether its containers outlive it."""
    version: Raw = {}
    """What it last answered at /version."""

    @property
    def major(self) -> int:
        """The first number of its version, 0 where that is not known."""
        number = str(self.version.get("Version", "")).partition(".")[0]
        return int(number) if number.isdecimal() else 0

    def is_now(self, other: Identity) -> bool:
        """Whether `other` is what this engine may have become: moved with its data, or upgraded."""
        if not self.id:
            return True
        if self.id == other.id:
            return self.root == other.root or other.major >= ID_IN_DATA
        return self.root == other.root and self.major != other.major
