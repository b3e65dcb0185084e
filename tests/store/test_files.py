"""What somebody does to the files of the state, before a start and while skerry runs: never an empty swarm in
silence, and what was answered is in a file that is still there."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from skerry.core.view import View
from skerry.loops.disk import DiskLoop
from skerry.model.conditions import Conditions
from skerry.model.errors import SkerryError
from skerry.model.files import Config
from skerry.store.errors import DisplacedError, StateError
from skerry.store.lock import new_unlock_key
from skerry.store.sqlite import SqlitePersistence
from skerry.store.state_files import Files
from skerry.store.store import Change, Store
from tests.store.locks import PLAIN, REST, change_key
from tests.store.rows import ALL, created, opened, view_of
from tests.support.memory import Clock

Deed = Callable[[Path], object]
"""What somebody does to the directory of a state."""


def used(directory: Path) -> None:
    """A state that was in use, and was left in good order."""
    disk = opened(directory)
    disk.write(1, created(*ALL))
    disk.close()


def killed(directory: Path) -> None:
    """One whose commits are in its write-ahead log, as after a crash."""
    disk = opened(directory)
    disk.write(1, created(*ALL))
    for name in ("state.db", "state.db-wal"):
        shutil.copyfile(directory / name, directory / f"copy-{name}")
    disk.close()
    for name in ("state.db", "state.db-wal"):
        (directory / f"copy-{name}").rename(directory / name)


def content(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() if path.is_file() else b"" for path in directory.iterdir()}


def emptied(name: str) -> Deed:
    return lambda folder: (folder / name).write_bytes(b"")


def removed(name: str) -> Deed:
    return lambda folder: (folder / name).unlink()


def a_directory(folder: Path) -> None:
    (folder / "state.db").unlink()
    (folder / "state.db").mkdir()


def of_another(folder: Path) -> None:
    (folder / "other").mkdir()
    used(folder / "other")
    shutil.copyfile(folder / "other" / "state.db", folder / "state.db")
    shutil.rmtree(folder / "other")


def some_database(folder: Path) -> None:
    (folder / "state.db").unlink()
    with sqlite3.connect(folder / "state.db") as db:
        db.execute("CREATE TABLE things (name TEXT)")
    db.close()


def all_but_the_key(folder: Path) -> None:
    for path in folder.glob("state.db*"):
        path.unlink()


REFUSED: list[tuple[str, Callable[[Path], None], Deed, str]] = [
    (
        "emptied",
        used,
        emptied("state.db"),
        r"state\.db is empty, though there was a swarm: .*secret\.key are",
    ),
    ("removed", used, removed("state.db"), r"state\.db is missing, though .*secret\.key is there.* backup"),
    ("emptied, with a log", killed, emptied("state.db"), r"state\.db is empty, though .*state\.db-wal are"),
    ("removed, with a log", killed, removed("state.db"), r"state\.db is missing, .*state\.db-wal are"),
    ("removed with its log", killed, all_but_the_key, r"state\.db is missing, .* remove .*secret\.key\.$"),
    ("a directory", used, a_directory, r"state\.db can't be opened: it is a directory"),
    ("of another swarm", used, of_another, "was encrypted with another key"),
    ("no database of skerry's", used, some_database, "can't be read: no such table: meta; restore"),
    (
        "garbage",
        used,
        lambda folder: (folder / "state.db").write_bytes(b"x" * 9000),
        "file is not a database",
    ),
    ("cut", used, lambda folder: os.truncate(folder / "state.db", 5000), "malformed|not a database"),
    ("cut to a page", used, lambda folder: os.truncate(folder / "state.db", 4096), "malformed|can't be read"),
    ("key missing", used, removed("secret.key"), r"secret\.key is missing, the key of what is secret"),
    ("key missing, after a crash", killed, removed("secret.key"), r"secret\.key is missing"),
    ("key emptied", used, emptied("secret.key"), "is no key: it has 0 bytes"),
    ("key cut", used, lambda folder: os.truncate(folder / "secret.key", 31), "is no key: it has 31 bytes"),
    ("another key", used, lambda folder: (folder / "secret.key").write_bytes(bytes(32)), "with another key"),
]


@pytest.mark.case("B6")
@pytest.mark.parametrize(
    ("made", "deed", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_state_that_is_not_whole_is_refused_and_left_alone(
    tmp_path: Path, made: Callable[[Path], None], deed: Deed, words: str
) -> None:
    made(tmp_path)
    deed(tmp_path)
    before = content(tmp_path)
    for _ in range(2):  # what refuses once, refuses twice
        with pytest.raises(SkerryError, match=words):
            opened(tmp_path).load()
    after = content(tmp_path)
    if "state.db-wal" in before and "state.db-wal" not in after:  # SQLite folds a log in when it looks
        assert after.pop("state.db") > b"" < before.pop("state.db")
        del before["state.db-wal"]
    assert after == before


@pytest.mark.case("B9")
def test_a_missing_key_is_not_made_anew_and_comes_back(tmp_path: Path) -> None:
    used(tmp_path)
    key = (tmp_path / "secret.key").read_bytes()
    (tmp_path / "secret.key").unlink()
    with pytest.raises(StateError, match="To begin anew with an empty swarm, remove"):
        opened(tmp_path)
    assert not (tmp_path / "secret.key").exists()
    (tmp_path / "secret.key").write_bytes(key)
    disk = opened(tmp_path)
    assert disk.load() == view_of(1, *ALL)
    disk.close()


@pytest.mark.case("B6")
def test_with_autolock_an_emptied_database_is_refused_too(tmp_path: Path) -> None:
    disk = opened(tmp_path)
    disk.write(1, created(PLAIN, *REST))
    change_key(disk, 2, "", new_unlock_key())
    disk.close()
    assert not (tmp_path / "secret.key").exists()
    (tmp_path / "state.db").write_bytes(b"")
    with pytest.raises(StateError, match=r"state\.db is empty, though there was a swarm"):
        opened(tmp_path)


@pytest.mark.case("B6")
@pytest.mark.parametrize("moment", ["database", "key"])
def test_a_first_start_that_was_killed_is_begun_again(tmp_path: Path, moment: str) -> None:
    """The database comes before the key, the proof of the key comes last."""
    opened(tmp_path).close()
    with sqlite3.connect(tmp_path / "state.db") as db:
        db.execute("DELETE FROM meta WHERE name = 'proof'")
    db.close()
    if moment == "database":
        (tmp_path / "secret.key").unlink()
    disk = opened(tmp_path)
    disk.write(1, created(*ALL))
    disk.close()
    disk = opened(tmp_path)
    assert disk.load() == view_of(1, *ALL)
    disk.close()


def test_to_begin_anew_takes_what_it_says(tmp_path: Path) -> None:
    used(tmp_path)
    (tmp_path / "state.db").write_bytes(b"")
    for name in ("state.db", "secret.key"):
        (tmp_path / name).unlink()
    disk = opened(tmp_path)
    assert disk.load() == View()
    disk.close()


# While it runs.


def replaced_by_a_backup(folder: Path) -> None:
    shutil.copyfile(folder / "backup.db", folder / "fresh.db")
    (folder / "fresh.db").rename(folder / "state.db")


def a_row_deleted(folder: Path) -> None:
    with sqlite3.connect(folder / "state.db") as db:
        db.execute("DELETE FROM objects WHERE kind = 'config'")
    db.close()


def scribbled(folder: Path) -> None:
    with (folder / "state.db").open("r+b") as file:
        file.write(b"x" * 8192)


DISPLACED: list[tuple[str, Deed, str, bool]] = [
    ("removed", removed("state.db"), "state.db was removed", False),
    ("removed with all its files", all_but_the_key, "state.db was removed", False),
    ("log removed", removed("state.db-wal"), "state.db-wal was removed", False),
    (
        "directory moved",
        lambda folder: folder.rename(folder.with_name("away")),
        "state.db was removed",
        False,
    ),
    ("replaced", replaced_by_a_backup, "state.db was replaced by another file", True),
    (
        "copied over",
        lambda folder: shutil.copyfile(folder / "backup.db", folder / "state.db"),
        "state.db was changed by another program",
        True,
    ),
    ("emptied", emptied("state.db"), "state.db was emptied", False),
    ("cut", lambda folder: os.truncate(folder / "state.db", 4096), "state.db was changed", True),
    ("scribbled on", scribbled, "state.db was changed", True),
    ("a row deleted", a_row_deleted, "state.db was changed", True),
    ("key removed", removed("secret.key"), "secret.key was removed", False),
    (
        "key replaced",
        lambda folder: (folder / "secret.key").write_bytes(b"x"),
        "secret.key was replaced",
        False,
    ),
]


def running(directory: Path, conditions: Conditions) -> Store:
    """A store with much in the database proper and a little in its log, and a backup of less."""
    disk = SqlitePersistence(directory / "state.db", directory / "secret.key")
    if not disk.load().version:
        disk.write(1, created(*ALL))
        disk.close()
        shutil.copyfile(directory / "state.db", directory / "backup.db")
        disk = SqlitePersistence(directory / "state.db", directory / "secret.key")
        disk.write(2, created(*(Config(f"big{number}", "big", {}, b"x" * 4096) for number in range(30))))
        disk.close()
        disk = SqlitePersistence(directory / "state.db", directory / "secret.key")
    return Store(disk, Clock(), lambda: "id", conditions)


async def put_config(store: Store, name: str) -> None:
    await store.update(lambda tx: tx.put(Config(name, name, {"Name": name}, name.encode())))


@pytest.mark.case("B7")
@pytest.mark.parametrize("at", ["a write", "a look"])
@pytest.mark.parametrize(
    ("deed", "words", "kept"), [row[1:] for row in DISPLACED], ids=[row[0] for row in DISPLACED]
)
async def test_what_is_done_to_the_files_while_it_runs_is_noticed_and_written_back(
    tmp_path: Path, deed: Deed, words: str, kept: bool, at: str
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    conditions = Conditions()
    store = running(folder, conditions)
    await put_config(store, "one")
    deed(folder)
    if at == "a write":
        await put_config(store, "two")
    await store.look_after()
    [said] = conditions.texts
    assert said.startswith("state file: ")
    assert words in said
    assert ("is kept as" in said) == kept
    await put_config(store, "three")
    expected = store.view
    copy = folder.with_name("copy")  # as a kill would leave it
    shutil.copytree(folder, copy)
    assert opened_view(copy) == expected
    store.close()
    assert opened_view(folder) == expected
    assert {"one", "three"} <= {config.name for config in expected.configs.values()}


def opened_view(directory: Path) -> View:
    disk = opened(directory)
    try:
        return disk.load()
    finally:
        disk.close()


@pytest.mark.case("B7")
def test_what_lay_in_the_place_is_kept(tmp_path: Path) -> None:
    async def play() -> None:
        store = running(tmp_path, Conditions())
        await put_config(store, "one")
        replaced_by_a_backup(tmp_path)
        await store.look_after()
        store.close()

    asyncio.run(play())
    [aside] = tmp_path.glob("state.db.2*")
    assert aside.read_bytes() == (tmp_path / "backup.db").read_bytes()
    assert aside.stat().st_mode & 0o777 == 0o600


@pytest.mark.case("B7")
async def test_another_program_may_read_it_and_keep_its_own_things_in_it(tmp_path: Path) -> None:
    """A backup while skerry runs, and a program that replicates the file, are nothing to say a word about."""

    conditions = Conditions()
    store = running(tmp_path, conditions)
    await put_config(store, "one")
    with sqlite3.connect(tmp_path / "state.db") as db, sqlite3.connect(tmp_path / "b.db") as backup:
        db.backup(backup)
        db.execute("CREATE TABLE their_own (number INTEGER)")
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    backup.close()
    inode = (tmp_path / "state.db").stat().st_ino
    await put_config(store, "two")
    await store.look_after()
    assert conditions.texts == []
    assert (tmp_path / "state.db").stat().st_ino == inode
    store.close()
    assert {"f", "one", "two"} < set(opened_view(tmp_path).configs)


@pytest.mark.case("B7")
def test_with_autolock_it_is_written_back_with_its_lock(tmp_path: Path) -> None:
    key = new_unlock_key()
    disk = opened(tmp_path)
    disk.write(1, created(PLAIN, *REST))
    change_key(disk, 2, "", key)
    view = disk.load()
    all_but_the_key(tmp_path)
    with pytest.raises(DisplacedError):
        disk.write(3, ())
    assert "was written back" in disk.mend(view)
    disk.close()
    again = opened(tmp_path)
    assert again.locked
    (tmp_path / "state.db").unlink()
    with pytest.raises(StateError, match="the swarm is locked: unlock it, or put the file back"):
        again.mend(again.load())
    again.unlock(key)
    assert "was written back" in again.mend(again.load())
    again.close()
    once_more = opened(tmp_path)
    once_more.unlock(key)
    assert once_more.load() == view
    once_more.close()
    assert not (tmp_path / "secret.key").exists()


@pytest.mark.case("C2")
async def test_a_failure_stands_in_the_status_until_something_can_be_written(tmp_path: Path) -> None:
    conditions = Conditions()
    store = running(tmp_path, conditions)
    holder = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    holder.execute("CREATE TRIGGER full BEFORE INSERT ON objects BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(StateError, match=r"can't be written: full\. Nothing was changed"):
        await put_config(store, "one")
    assert "one" not in store.view.configs
    assert conditions.texts == [
        f"state: the state in {tmp_path}/state.db can't be written: full. Nothing was changed."
    ]
    holder.execute("DROP TRIGGER full")
    holder.close()
    await store.look_after()
    assert conditions.texts == []
    await put_config(store, "one")
    store.close()


async def test_a_swarm_that_comes_to_a_daemon_without_one_is_left_as_it_is(tmp_path: Path) -> None:
    """As the disk of the data directory does when it is mounted late: here a link leads elsewhere."""
    for name in ("disk", "below"):
        (tmp_path / name).mkdir()
    used(tmp_path / "disk")
    before = content(tmp_path / "disk")
    (tmp_path / "data").symlink_to("below")
    store = Store(opened(tmp_path / "data"), Clock(), iter("abc").__next__, Conditions())
    came = asyncio.Event()
    looking = asyncio.create_task(DiskLoop(store, came, look_s=0.01).run())
    (tmp_path / "mounted").symlink_to("disk")
    (tmp_path / "mounted").rename(tmp_path / "data")
    with pytest.raises(StateError, match="with a swarm in it: skerry begins again with that"):
        await store.update(lambda tx: tx.put(Config("late", "late", {}, b"x")))
    await came.wait()
    looking.cancel()
    store.close()
    after = content(tmp_path / "disk")
    assert {name: after[name] for name in before} == before
    again = opened(tmp_path / "data")
    assert again.load() == view_of(1, *ALL)
    again.close()


async def test_a_file_without_a_swarm_takes_nothing_away(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    opened(tmp_path / "other").close()
    store = Store(opened(tmp_path), Clock(), iter("abc").__next__, Conditions())
    (tmp_path / "other" / "state.db").rename(tmp_path / "state.db")
    await store.update(lambda tx: tx.put(Config("late", "late", {}, b"x")))
    store.close()
    again = opened(tmp_path)
    assert set(again.load().configs) == {"late"}
    again.close()


def test_changes_are_what_changed(tmp_path: Path) -> None:
    """A commit of nothing but a removal."""
    disk = opened(tmp_path)
    disk.write(1, created(*ALL))
    disk.write(2, (Change(ALL[-1], None),))
    assert disk.load() == view_of(2, *ALL[:-1])
    disk.close()


@pytest.mark.case("B7")
def test_a_file_that_goes_while_it_is_looked_at_was_removed(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"state")
    files = Files(path)
    path.unlink()
    files.note()
    assert files.displaced() == f"{path} was removed"
