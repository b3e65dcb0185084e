"""Writes one commit after the other and says so on standard output, until it is killed.

Each commit puts config `n` and moves the counter in two secrets together: half a commit would show.
"""

from __future__ import annotations

import sys
from pathlib import Path

from skerry.model.files import Config, Secret
from skerry.store.sqlite import SqlitePersistence
from skerry.store.store import Change


def main(directory: Path) -> None:
    disk = SqlitePersistence(directory / "state.db", directory / "secret.key")
    number = disk.load().version
    while True:
        number += 1
        data = str(number).encode()
        objects = (
            Secret("left", "left", {}, data, number),
            Config(str(number), str(number), {}, data, number),
            Secret("right", "right", {}, data, number),
        )
        disk.write(number, tuple(Change(None, one) for one in objects))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
