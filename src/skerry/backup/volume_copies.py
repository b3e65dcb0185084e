"""The copies of a backup's volumes, from their first round to the parts that they become."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from skerry.archive.manifest import VOLUME_ROOT, Part
from skerry.archive.part import part_of
from skerry.backup.tree import Tree
from skerry.backup.volumes import Volume
from skerry.model.errors import SkerryError

SHORT_S = 0.5
"""A round that was as short as this leaves little to the next one."""
ROUNDS = 4
"""So many while everything runs: where as much is written as is copied, more would not help."""

TAR = ("tar", "--create", "--format=posix", "--numeric-owner", "--sparse", "--xattrs", "--xattrs-include=*")


class NotFrozen(SkerryError):
    """The writers could not be kept still for as long as the copy would have taken."""


class Copies:
    """Each volume whose content is here, as a tree below `folder`."""

    def __init__(self, volumes: list[Volume], folder: Path) -> None:
        self.volumes = [volume for volume in volumes if volume.folder is not None]
        self.trees: list[Tree] = []
        self._folder = folder
        self._until: float | None = None
        for volume in self.volumes:
            assert volume.folder is not None
            place = self._place(volume)
            place.mkdir(parents=True, mode=0o700)
            self.trees.append(Tree(volume.folder, place / VOLUME_ROOT, self._check))

    def _place(self, volume: Volume) -> Path:
        return self._folder / "trees" / volume.entry.name

    def allow(self, seconds: float | None) -> None:
        """From now on, copying may take so long, or as long as it likes."""
        self._until = None if seconds is None else time.monotonic() + seconds

    def _check(self) -> None:
        if self._until is not None and time.monotonic() > self._until:
            raise NotFrozen(
                "what had changed in the volumes could not be copied in the time for which writers may stand "
                "still: allow more of it (--freeze), back up when less is written, or keep the volumes on a "
                "file system whose files can share what is in them (xfs, btrfs)"
            )

    def approach(self) -> None:
        """Rounds while everything runs, until little is left to copy."""
        for _ in range(ROUNDS):
            began = time.monotonic()
            self.round()
            if time.monotonic() - began < SHORT_S:
                return

    def round(self) -> None:
        """Copy what has changed since the last round."""
        for tree in self.trees:
            tree.copy()

    def packed(self) -> list[Part]:
        """Each copy as a compressed tar, in which everything lies below one folder; the copies go."""
        return [self._pack(volume) for volume in self.volumes]

    def _pack(self, volume: Volume) -> Part:
        place, name = self._place(volume), volume.entry.part
        line = [*TAR, "--use-compress-program=gzip -1", "--file", str(self._folder / name)]
        done = subprocess.run(
            [*line, "--directory", str(place), VOLUME_ROOT], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SkerryError(f"the volume {volume.entry.name} could not be packed: {done.stderr.strip()}")
        shutil.rmtree(place)
        return part_of(self._folder, name, "volume")
