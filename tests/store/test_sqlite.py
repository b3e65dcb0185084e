"""The state on disk: whole, durable, encrypted where it is secret, and clear about what is wrong with it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from skerry.core.view import View
from skerry.model.files import Config, Secret
from skerry.store.errors import StateError
from skerry.store.sqlite import FORMAT
from skerry.store.store import Change
from tests.store.rows import ALL, SECRETS, created, opened, view_of


def test_everything_comes_back_as_it_was(tmp_path: Path) -> None:
    disk = opened(tmp_path)
    assert disk.load() == View()
    disk.write(7, created(*ALL))
    assert disk.load() == view_of(7, *ALL)
    disk.close()
    again = opened(tmp_path)
    assert again.load() == view_of(7, *ALL)
    again.close()


def test_changes_and_removals(tmp_path: Path) -> None:
    disk = opened(tmp_path)
    disk.write(1, created(*ALL))
    config, secret = ALL[-2], ALL[-1]
    assert isinstance(config, Config)
    new = msgspec.structs.replace(config, spec={"Name": "conf", "Labels": {"a": "b"}}, version=2)
    disk.write(2, (Change(config, new), Change(secret, None)))
    assert disk.load() == view_of(2, *ALL[:-2], new)
    disk.close()


def test_what_is_secret_is_nowhere_in_the_files(tmp_path: Path) -> None:
    disk = opened(tmp_path)
    disk.write(1, created(*ALL))
    for file in (*tmp_path.glob("state.db*"), tmp_path / "secret.key"):
        assert file.stat().st_mode & 0o777 == 0o600
        for word in SECRETS:
            assert word not in file.read_bytes()
    disk.close()


def test_the_same_content_looks_different_in_each_row(tmp_path: Path) -> None:
    disk = opened(tmp_path)
    disk.write(1, created(Secret("a", "a", {}, b"hush"), Secret("b", "b", {}, b"hush")))
    with sqlite3.connect(tmp_path / "state.db") as db:
        rows = db.execute("SELECT body FROM objects").fetchall()
        first, second = (msgspec.json.decode(body)["data"] for (body,) in rows)
        assert first != second
        db.execute("UPDATE objects SET body = replace(body, ?, ?)", (first, second))
    db.close()
    with pytest.raises(StateError, match=r"damaged row: secret a \(a/data does not open with this key\)"):
        disk.load()
    disk.close()


def spoil(directory: Path, statement: str) -> None:
    db = sqlite3.connect(directory / "state.db")
    with db:
        db.execute(statement)
    db.close()


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("UPDATE objects SET body = '{' WHERE kind = 'node'", "damaged row: node n "),
        ("UPDATE objects SET body = '[]' WHERE kind = 'task'", "damaged row: task t "),
        ("UPDATE objects SET body = replace(body, '\"n\"', '5') WHERE kind = 'node'", "damaged row: node n "),
        ("UPDATE objects SET kind = 'widget' WHERE kind = 'node'", "a row of an unknown kind: widget n"),
    ],
)
def test_a_damaged_row_is_named(tmp_path: Path, statement: str, complaint: str) -> None:
    disk = opened(tmp_path)
    disk.write(1, created(*ALL))
    disk.close()
    spoil(tmp_path, statement)
    again = opened(tmp_path)
    with pytest.raises(StateError, match=complaint):
        again.load()
    again.close()


def test_a_newer_format_is_left_alone(tmp_path: Path) -> None:
    opened(tmp_path).close()
    spoil(tmp_path, f"UPDATE meta SET value = {FORMAT + 1} WHERE name = 'format'")
    with pytest.raises(StateError, match=f"newer skerry \\(format {FORMAT + 1}; this one knows {FORMAT}\\)"):
        opened(tmp_path)


def test_the_wrong_key_is_said_at_once(tmp_path: Path) -> None:
    opened(tmp_path).close()
    (tmp_path / "secret.key").write_bytes(bytes(32))
    with pytest.raises(StateError, match=r"another key: restore the secret\.key that belongs to it"):
        opened(tmp_path)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StateError, match="can't be read: file is not a database"):
        opened(tmp_path)


def test_a_directory_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    with pytest.raises(StateError, match="can't be opened"):
        opened(tmp_path)


def test_a_commit_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    disk = opened(tmp_path)
    disk.write(1, created(*ALL))
    spoil(
        tmp_path,
        "CREATE TRIGGER full BEFORE INSERT ON objects WHEN NEW.id = 'bad' "
        "BEGIN SELECT RAISE(ABORT, 'disk is full'); END",
    )
    assert disk.mend(view_of(1, *ALL)) == ""  # a trigger is no row
    with pytest.raises(StateError, match="can't be written: disk is full"):
        disk.write(2, created(Config("good", "good", {}, b"1"), Config("bad", "bad", {}, b"1")))
    assert disk.load() == view_of(1, *ALL)
    disk.write(3, created(Config("good", "good", {}, b"1")))
    assert disk.load().version == 3
    disk.close()


@pytest.mark.timeout(30)
def test_kill_9_at_any_moment_loses_nothing_that_was_said_and_leaves_no_half(tmp_path: Path) -> None:
    said = 0
    for commits in (1, 3, 7, 20, 41):
        said = _write_and_kill(tmp_path, said + commits)
        disk = opened(tmp_path)
        view = disk.load()
        disk.close()
        assert view.version in (said, said + 1)
        assert {int(key) for key in view.configs} == set(range(1, view.version + 1))
        assert {one.data for one in view.secrets.values()} == {str(view.version).encode()}


def _write_and_kill(directory: Path, commits: int) -> int:
    """The last commit that the writer said was done, after it was killed in the middle of its work."""
    command = [sys.executable, "-m", "tests.store.writer", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        last = 0
        for line in writer.stdout:
            last = int(line)
            if last >= commits:
                writer.kill()
                break
        rest = writer.stdout.read().splitlines()
    return int(rest[-1]) if rest else last
