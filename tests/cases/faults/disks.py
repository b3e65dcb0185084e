"""Disks that are full or take nothing, and files of the state that somebody damages."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.net import run
from harness.world import wait_until
from tests.cases.faults.doing import insist, send
from tests.cases.faults.fault import FAULTS, Fault, Span, fault
from tests.cases.faults.stage import Stage

FULL_S = 6.0
BOUND_S = 60.0
MARK = "at"
"""A label that is changed so that something has to be written."""


def _filled(place: Path) -> Path:
    """A file that takes all that is left there."""
    file = place / "filler"
    with contextlib.suppress(OSError), file.open("wb") as out:
        while True:
            out.write(bytes(1 << 20))
            out.flush()
    return file


def _change(stage: Stage) -> None:
    """Something that has to be written down, whether or not it can be."""
    stage.world.docker(
        "service", "update", "--detach", "--label-add", f"{MARK}={time.time_ns()}", "one", check=False
    )


@contextlib.contextmanager
def _full(place: Path) -> Iterator[None]:
    """Nothing is left there, for a while."""
    file = _filled(place)
    try:
        yield
        time.sleep(FULL_S)
    finally:
        file.unlink(missing_ok=True)


@fault("disk full", span=Span.LASTING)
def _disk_full(stage: Stage) -> None:
    with _full(stage.world.data_dir):
        _change(stage)


@fault("disk full while a task ends", span=Span.LASTING)
def _disk_full_at_an_end(stage: Stage) -> None:
    with _full(stage.world.data_dir):
        stage.world.docker("service", "scale", "--detach", "asker=2", check=False)
    insist(stage, "service", "scale", "--detach", "asker=1")


@fault("run directory full", span=Span.LASTING)
def _run_full(stage: Stage) -> None:
    with _full(stage.world.run_dir):
        _change(stage)


@fault("database read-only", span=Span.ALONE)
def _read_only(stage: Stage) -> None:
    """The directory of the state takes nothing: a mount over it, and the daemon starts again meanwhile."""
    with _unwritable(stage.world.data_dir):
        send(signal.SIGKILL, stage.world.pid)
        time.sleep(FULL_S)


@contextlib.contextmanager
def _unwritable(place: Path) -> Iterator[None]:
    run("mount", "--bind", str(place), str(place))
    try:
        run("mount", "-o", "remount,bind,ro", str(place))
        yield
    finally:
        run("umount", "-l", str(place))


def _truncated(file: Path) -> None:
    with file.open("r+b") as out:
        out.truncate(file.stat().st_size // 2)


def _garbage(file: Path) -> None:
    with file.open("r+b") as out:
        out.write(b"\xa5" * file.stat().st_size)


def _replaced(file: Path) -> None:
    """By an older copy of itself, as a backup program that restores does."""
    copy = file.with_suffix(".copy")
    shutil.copyfile(file, copy)
    copy.rename(file)


def _damaged(damage: Callable[[Path], None]) -> Callable[[Stage], None]:
    """Done to the database while it runs. Once it is written back, skerryd is killed, and begins with it."""

    def act(stage: Stage) -> None:
        damage(stage.database)
        _change(stage)
        wait_until(lambda: _readable(stage.database), "the database is whole again", BOUND_S)
        send(signal.SIGKILL, stage.world.pid)

    return act


def _readable(file: Path) -> bool:
    """Whether there is a database that is whole, and not empty."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return bool(tables[0]) and database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    except sqlite3.Error:
        return False


def _emptied(file: Path) -> None:
    file.write_bytes(b"")


def _removed(file: Path) -> None:
    file.unlink()


for _name, _damage in (
    ("truncated", _truncated),
    ("emptied", _emptied),
    ("removed", _removed),
    ("garbage", _garbage),
    ("replaced by a copy", _replaced),
):
    FAULTS.append(Fault(f"database {_name}", _damaged(_damage), span=Span.ALONE))


def _restored(damage: Callable[[Path], object]) -> Callable[[Stage], None]:
    """The key is lost, skerryd ends and can't begin; then a person brings the key back."""

    def act(stage: Stage) -> None:
        kept = stage.key.read_bytes()
        damage(stage.key)
        send(signal.SIGKILL, stage.world.pid)
        time.sleep(FULL_S)
        stage.key.write_bytes(kept)
        stage.key.chmod(0o600)

    return act


for _name, _loss in (("cut", lambda file: file.write_bytes(file.read_bytes()[:7])), ("removed", _removed)):
    FAULTS.append(Fault(f"key {_name}", _restored(_loss), span=Span.ALONE))
