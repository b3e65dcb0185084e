"""Databases of older formats are read, and go over to this one with the first commit."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from skerry.model.files import Config, KeptConfig, KeptSecret
from skerry.model.objects import Listener, User
from skerry.model.releases import Release
from skerry.store import sqlite
from skerry.store.errors import StateError
from tests.store.rows import ALL, created, opened, view_of

FORMAT_1 = Path(__file__).parent / "format-1"
"""Written by a skerry that knew no releases, users and listeners: the rows of `ALL` as they were then."""
LATER = Release | User | Listener | KeptConfig | KeptSecret
BEFORE = tuple(row for row in ALL if not isinstance(row, LATER))


def format_of(directory: Path) -> int:
    db = sqlite3.connect(directory / "state.db")
    (number,) = db.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
    db.close()
    return int(number)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of it, to be written into."""
    for file in FORMAT_1.iterdir():
        shutil.copyfile(file, tmp_path / file.name)
    return tmp_path


def test_a_database_of_format_1_is_read_as_it_is(old: Path) -> None:
    disk = opened(old)
    assert disk.load() == view_of(7, *BEFORE)
    disk.close()
    assert format_of(old) == 1, "until something is written, the former version can read it"


def test_it_goes_over_with_the_first_commit(old: Path) -> None:
    disk = opened(old)
    new = Config("g", "new", {"Name": "new"}, b"text", 8)
    disk.write(8, created(new))
    disk.close()
    assert format_of(old) == sqlite.FORMAT
    again = opened(old)
    assert again.load() == view_of(8, *BEFORE, new)
    again.close()


def test_a_version_that_knows_format_1_alone_refuses_what_this_one_wrote(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = opened(old)
    disk.write(8, created(Release("shop.1", "shop", 1, (), version=8)))
    disk.close()
    monkeypatch.setattr(sqlite, "FORMAT", 1)
    with pytest.raises(StateError, match=r"newer skerry \(format 2; this one knows 1\): install"):
        opened(old)
