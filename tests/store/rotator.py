"""Changes the unlock key of a state, again and again, until it is killed; says each key before it is used."""

from __future__ import annotations

import sys
from pathlib import Path

from msgspec.structs import replace

from skerry.store.lock import new_unlock_key
from skerry.store.sqlite import SqlitePersistence
from skerry.store.store import Change


def main(directory: Path, key: str) -> None:
    disk = SqlitePersistence(directory / "state.db", directory / "secret.key")
    if disk.locked:
        disk.unlock(key)
    view = disk.load()
    cluster, index = view.clusters["c"], view.version
    while True:
        index += 1
        # every third one turns autolock off
        fresh = replace(cluster, unlock_key=new_unlock_key() if index % 3 else "")
        sys.stdout.write(f"{fresh.unlock_key}\n")
        sys.stdout.flush()
        disk.write(index, (Change(cluster, fresh),))
        cluster = fresh


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
