"""The unlock key: no file opens what is secret without it, at any moment."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from skerry.model.errors import InvalidParameter, SkerryError
from skerry.model.files import Config, Secret
from skerry.model.objects import Object
from skerry.store.crypt import WrongKey, unseal
from skerry.store.errors import StateError
from skerry.store.lock import new_unlock_key, read_unlock_key, unwrap, wrap
from skerry.store.sqlite import SqlitePersistence
from skerry.store.store import Change
from tests.store.locks import PLAIN, REST, change_key, with_key
from tests.store.rows import SECRETS, created, opened, view_of


def locked(directory: Path) -> str:
    """A state that was locked; its unlock key."""
    disk, key = opened(directory), new_unlock_key()
    disk.write(1, created(PLAIN, *REST))
    change_key(disk, 2, "", key)
    disk.close()
    return key


def test_the_form_is_swarms() -> None:
    key = "SWMKEY-1-+KeQyHkb7hooZfNaaB19W4kgnGYS1mMQVO/FBglYF+E"
    assert len(read_unlock_key(key)) == 32
    assert len(new_unlock_key()) == len(key)
    for wrong in ("", "x", "SWMKEY-2-AAAA", "swmkey-1-AAAA", "SWMKEY-1-A", "SWMKEY-1-AA==", "SWMKEY-1-A_-A"):
        with pytest.raises(InvalidParameter, match=r"^invalid key string$"):
            read_unlock_key(wrong)


def test_only_the_key_that_wrapped_it_opens_it() -> None:
    key = new_unlock_key()
    wrapped = wrap(key, b"k" * 32)
    assert unwrap(key, wrapped) == b"k" * 32
    for wrong in (new_unlock_key(), "SWMKEY-1-AAAA", "SWMKEY-1-"):
        with pytest.raises(WrongKey):
            unwrap(wrong, wrapped)
    with pytest.raises(WrongKey):
        unwrap(key, wrapped[:-8] + b"damaged!")


def test_a_locked_state_tells_what_is_not_secret_and_opens_with_its_key(tmp_path: Path) -> None:
    key = locked(tmp_path)
    again = opened(tmp_path)
    assert again.locked
    shut = again.load()
    assert (set(shut.tasks), shut.version) == ({"t"}, 2)
    assert (shut.secrets["x"].data, shut.tasks["t"].registry_auth) == (b"", "")
    assert shut.clusters["c"].unlock_key == ""
    with pytest.raises(WrongKey):
        again.unlock(new_unlock_key())
    assert again.locked
    again.unlock(key)
    assert not again.locked
    assert again.load() == view_of(2, with_key(key), *REST)
    again.write(3, created(Secret("y", "y", {}, b"hush")))
    again.close()
    once_more = opened(tmp_path)
    once_more.unlock(key)
    assert once_more.load().secrets["y"].data == b"hush"
    once_more.close()


def test_the_former_key_is_gone_and_opens_nothing(tmp_path: Path) -> None:
    disk = opened(tmp_path)
    disk.write(1, created(PLAIN, *REST))
    former = (tmp_path / "secret.key").read_bytes()
    change_key(disk, 2, "", new_unlock_key())
    assert [path.name for path in tmp_path.glob("*.key")] == []
    content = b"".join(path.read_bytes() for path in tmp_path.glob("state.db*"))
    for word in (*SECRETS, former):
        assert word not in content
    proof = disk._db.execute("SELECT value FROM meta WHERE name = 'proof'").fetchone()[0]
    with pytest.raises(WrongKey):
        unseal(former, proof, "proof")
    disk.close()


def test_a_new_key_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    first, second = locked(tmp_path), new_unlock_key()
    disk = opened(tmp_path)
    disk.unlock(first)
    change_key(disk, 3, first, second)
    disk.close()
    again = opened(tmp_path)
    with pytest.raises(WrongKey):
        again.unlock(first)
    again.unlock(second)
    assert again.load() == view_of(3, with_key(second), *REST)
    change_key(again, 4, second, "")
    again.close()
    free = opened(tmp_path)
    assert not free.locked
    assert free.load() == view_of(4, PLAIN, *REST)
    free.close()


def spoil(directory: Path, *statements: str) -> None:
    db = sqlite3.connect(directory / "state.db")
    with db:
        for statement in statements:
            db.execute(statement)
    db.close()


@pytest.mark.parametrize("moment", ["UPDATE ON objects", "INSERT ON meta", "DELETE ON meta"])
def test_a_change_of_keys_happens_whole_or_not_at_all(tmp_path: Path, moment: str) -> None:
    key = locked(tmp_path)
    disk = opened(tmp_path)
    disk.unlock(key)
    before = disk.load()
    spoil(tmp_path, f"CREATE TRIGGER full BEFORE {moment} BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    disk.mend(before)
    for after in (new_unlock_key(), ""):
        with pytest.raises(StateError, match="disk is full"):
            change_key(disk, 3, key, after)
    spoil(tmp_path, "DROP TRIGGER full")
    assert disk.load() == before
    disk.close()
    again = opened(tmp_path)
    again.unlock(key)
    assert again.load() == before
    again.close()


def test_a_crash_before_the_key_file_is_removed_leaves_none_behind(tmp_path: Path) -> None:
    opened(tmp_path).close()
    former = (tmp_path / "secret.key").read_bytes()
    locked(tmp_path)
    (tmp_path / "secret.key").write_bytes(former)
    opened(tmp_path).close()
    assert not (tmp_path / "secret.key").exists()


def test_the_key_file_of_another_state_is_left_alone(tmp_path: Path) -> None:
    key = locked(tmp_path)
    (tmp_path / "secret.key").write_bytes(b"k" * 32)
    disk = opened(tmp_path)
    disk.unlock(key)
    change_key(disk, 3, key, new_unlock_key())
    disk.close()
    assert (tmp_path / "secret.key").read_bytes() == b"k" * 32


def test_half_a_key_is_said(tmp_path: Path) -> None:
    opened(tmp_path).close()
    (tmp_path / "secret.key").write_bytes(b"short")
    with pytest.raises(SkerryError, match="is no key: it has 5 bytes and not 32"):
        opened(tmp_path)


def test_a_locked_state_takes_nothing_but_the_swarms_end(tmp_path: Path) -> None:
    locked(tmp_path)
    disk = opened(tmp_path)
    shut = disk.load()
    cluster, task = shut.clusters["c"], shut.tasks["t"]
    bad: list[tuple[Object | None, Object]] = [
        (None, Config("z", "z", {}, b"1")),
        (cluster, replace(cluster, spec={})),
        (cluster, replace(cluster, unlock_key=new_unlock_key())),
    ]
    for old, new in bad:
        with pytest.raises(StateError, match="is locked: nothing can be written"):
            disk.write(3, (Change(old, new),))
    disk.write(3, (Change(cluster, None), Change(shut.secrets["x"], None)))
    assert not disk.locked
    disk.close()
    again = opened(tmp_path)
    assert not again.locked
    left = again.load()
    assert (set(left.clusters), left.tasks["t"]) == (set(), replace(task, registry_auth=""))
    again.close()


@pytest.mark.timeout(60)
def test_kill_9_at_any_moment_leaves_one_key_that_opens_everything(tmp_path: Path) -> None:
    disk = opened(tmp_path)
    disk.write(1, created(PLAIN, *REST))
    disk.close()
    key = ""
    for changes in (1, 2, 4, 7, 9, 14, 20, 31):
        said = [key, *_change_and_kill(tmp_path, key, changes)][-2:]
        disk = opened(tmp_path)
        key = said[-1] if _opens(disk, said[-1]) else said[-2]
        assert _opens(disk, key)
        view = disk.load()
        assert not disk.locked
        assert view == view_of(view.version, with_key(key), *REST)
        disk.close()
        assert key or (tmp_path / "secret.key").exists()


def _opens(disk: SqlitePersistence, key: str) -> bool:
    if not disk.locked or not key:
        return not disk.locked and disk.load().clusters["c"].unlock_key == key
    try:
        disk.unlock(key)
    except WrongKey:
        return False
    return True


def _change_and_kill(directory: Path, key: str, changes: int) -> list[str]:
    """The unlock keys that were said; which of the last two is the one depends on the moment."""
    command = [sys.executable, "-m", "tests.store.rotator", str(directory), key]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as rotator:
        assert rotator.stdout is not None
        said = [rotator.stdout.readline().strip() for _ in range(changes)]
        rotator.kill()
        return said + rotator.stdout.read().splitlines()
