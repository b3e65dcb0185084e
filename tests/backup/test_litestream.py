"""Litestream, the real one, replicates the database all the time; what it restores is the state."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from harness.programs import litestream
from harness.world import wait_until
from skerry.core.view import View
from skerry.model.conditions import Conditions
from skerry.model.files import Config
from skerry.model.objects import Object
from skerry.store.sqlite import SqlitePersistence
from skerry.store.store import Store, Tx
from tests.store.rows import ALL

pytestmark = pytest.mark.timeout(400)  # it may have to be brought first
COMMITS = 60


@contextmanager
def replicating(database: Path, replica: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Litestream at work, until it is killed."""
    line = [str(litestream()), "replicate", str(database), f"file://{replica}"]
    with replica.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(line, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait(60)


def restored(replica: Path, folder: Path) -> View | None:
    """What a replica has at this moment; None while it has nothing."""
    for old in folder.glob("skerry.db*"):
        old.unlink()
    line = [str(litestream()), "restore", "-o", str(folder / "skerry.db"), f"file://{replica}"]
    if subprocess.run(line, capture_output=True, check=False).returncode:
        return None
    disk = SqlitePersistence(folder / "skerry.db", folder / "secret.key")
    try:
        return disk.load()
    finally:
        disk.close()


def test_what_the_replica_restores_is_what_was_committed(tmp_path: Path) -> None:
    home, replica, other = tmp_path / "home", tmp_path / "replica", tmp_path / "other"
    home.mkdir()
    other.mkdir()
    conditions = Conditions()

    async def write() -> View:
        disk = SqlitePersistence(home / "skerry.db", home / "secret.key")
        store = Store(disk, lambda: 1, lambda: "id", conditions)
        for obj in ALL:
            await store.update(partial(_put, obj))
        shutil.copy(home / "secret.key", other / "secret.key")
        with replicating(home / "skerry.db", replica):
            for number in range(COMMITS):
                await store.update(partial(_put, _config(number)))
                if number % 10 == 0:
                    await asyncio.to_thread(
                        wait_until, lambda: restored(replica, other), "there is a replica"
                    )
                    await store.look_after()
            view = store.view
            await asyncio.to_thread(
                wait_until, lambda: restored(replica, other) == view, "the replica has all of it"
            )
        await store.update(partial(_put, _config(COMMITS)))  # it was killed, and nobody minds
        store.close()
        return view

    view = asyncio.run(write())
    assert restored(replica, other) == view
    assert not conditions.texts, "a program with tables of its own is left in peace"
    assert not list(home.glob("skerry.db.2*")), "nothing was set aside"


def _put(obj: Object, tx: Tx) -> None:
    tx.put(obj)


def _config(number: int) -> Config:
    return Config(f"c{number}", f"c{number}", {"Name": f"c{number}"}, b"content" * 100)
