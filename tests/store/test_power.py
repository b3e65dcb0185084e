"""The power goes away at any moment: what was answered is there, whatever the disk kept of the rest."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from skerry.store.crypt import WrongKey
from skerry.store.sqlite import SqlitePersistence
from tests.store.journal import Record, read
from tests.store.lifetime import LOST
from tests.store.losses import Disk, applied, losses
from tests.store.recording_disk import recording_disk
from tests.store.rows import opened

Ack = tuple[int, str]
"""The index of a commit that was answered, and the unlock key from then on."""


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """Everything that a database's life writes."""
    folder = tmp_path_factory.mktemp("disk")
    with recording_disk(folder, folder / "mounted") as journal:
        command = [sys.executable, "-m", "tests.store.lifetime", str(folder / "mounted")]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        return [record for record in read(journal) if not record.file.endswith("-shm")]


def lines_of(disk: Disk) -> list[tuple[str, str]]:
    """What is known to be done, and the unlock key from then on."""
    parts = (line.partition(" ") for line in disk.get("done", b"").decode().splitlines())
    return [(what, key) for what, _, key in parts]


def answered(disk: Disk) -> list[Ack]:
    """The commits that are."""
    return [(int(what), key) for what, key in lines_of(disk) if what != LOST]


def put(disk: Disk, folder: Path) -> None:
    """The files of a disk, without those that SQLite makes anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in disk.items():
        if name != "done":
            (folder / name).write_bytes(content)
            (folder / name).chmod(0o600)


def unlocked(folder: Path, keys: list[str]) -> SqlitePersistence:
    """The database, opened by the one of these keys that does."""
    disk = opened(folder)
    for key in filter(None, keys):
        if disk.locked:
            with suppress(WrongKey):
                disk.unlock(key)
    assert not disk.locked, "no key opens it"
    return disk


@pytest.mark.timeout(300)
def test_nothing_that_was_answered_is_lost_with_the_power(life: list[Record], tmp_path: Path) -> None:
    chance = random.Random(len(life))
    whole = answered(applied(life))
    commits = {index for index, key in whole if (index - 1, key) in whole or index == 1}
    moments = tried = 0
    for number in range(1, len(life) + 1):
        before = life[:number]
        if [what for what, _ in lines_of(applied(before))][-1:] == [LOST]:
            continue
        done = answered(applied(before))
        index = done[-1][0] if done else 0
        keys = [key for _, key in whole[max(0, len(done) - 1) : len(done) + 1]]
        moments += 1
        for disk in losses(before, chance):
            put(disk, tmp_path / "kept")
            state = unlocked(tmp_path / "kept", keys)
            view = state.load()
            state.close()
            assert view.version in (index, index + 1), f"after {before[-1]}"
            numbers = {int(key) for key in view.configs}
            assert numbers == {one for one in commits if one <= view.version}, f"after {before[-1]}"
            last = {str(max(numbers)).encode()} if numbers else set()
            assert {one.data for one in view.secrets.values()} == last
            tried += 1
    assert moments > 100
    assert tried > 3 * moments
