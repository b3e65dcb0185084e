"""The life of a database: `python -m tests.store.lifetime DIRECTORY`.

Commits, a restart, an unlock key that comes, changes and goes, and the whole written afresh since somebody
took it away. What is done is written into the file `done` beside it: the index of the commit, and the unlock
key from then on.
"""

from __future__ import annotations

import sys
from pathlib import Path

from skerry.model.files import Config, Secret
from skerry.store.lock import new_unlock_key
from skerry.store.sqlite import SqlitePersistence
from tests.store.locks import PLAIN, change_key
from tests.store.rows import created, opened

LOST = "lost"
"""What stands there while there is nothing to be found: somebody took it away."""


class Life:
    """A database, and what is known to be in it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._index = 0
        self._key = ""
        self._disk = self._open()

    def _open(self) -> SqlitePersistence:
        disk = opened(self._directory)
        if self._key:
            disk.unlock(self._key)
        return disk

    def _done(self, what: str = "") -> None:
        with (self._directory / "done").open("a") as file:
            file.write(f"{what or self._index} {self._key}\n")

    def commit(self) -> None:
        """One, that moves two secrets together."""
        self._index += 1
        data = str(self._index).encode()
        rows = (
            Secret("left", "left", {}, data, self._index),
            Config(str(self._index), str(self._index), {}, data, self._index),
            Secret("right", "right", {}, data, self._index),
        )
        self._disk.write(self._index, created(*rows, *((PLAIN,) if self._index == 1 else ())))
        self._done()

    def restart(self) -> None:
        """In an orderly way, which folds the log in."""
        self._disk.close()
        self._disk = self._open()

    def change_key(self, key: str) -> None:
        """Have another unlock key, or none."""
        self._index += 1
        change_key(self._disk, self._index, self._key, key)
        self._key = key
        self._done()

    def lose(self) -> None:
        """Somebody takes the file away, and it is written back."""
        view = self._disk.load()
        self._done(LOST)
        (self._directory / "state.db").unlink()
        self._disk.mend(view)
        self._done()


def main(directory: Path) -> None:
    """All of it."""
    life = Life(directory)
    for _ in range(4):
        life.commit()
    life.restart()
    life.commit()
    for key in (new_unlock_key(), new_unlock_key(), ""):
        life.change_key(key)
        life.commit()
        life.restart()
        life.commit()
    life.lose()
    life.commit()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
