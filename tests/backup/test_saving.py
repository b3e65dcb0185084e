"""A file is whole or not there."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from skerry.archive.unpack import unpack
from skerry.cli.backup.encryption_options import Lock
from skerry.cli.backup.saving import save, written
from tests.archive.made import small_backup

pytestmark = pytest.mark.timeout(180)  # what a passphrase opens is to take its time


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


@pytest.mark.parametrize("size", [1, 511, 512, 100_000, 1 << 20])
def test_a_stream_in_any_pieces(tmp_path: Path, size: int) -> None:
    data = small_backup(tmp_path / "in")
    manifest = save(pieces(data, size), str(tmp_path / "file"), Lock())
    assert manifest.stacks == ["shop"]
    assert (tmp_path / "file").read_bytes() == data
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    with (tmp_path / "file").open("rb") as file:
        (tmp_path / "out").mkdir()
        assert unpack(file, tmp_path / "out") == manifest


def test_one_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    data = small_backup(tmp_path / "in")
    (tmp_path / "file").write_text("the one before")

    def cut() -> Iterator[bytes]:
        yield data[: len(data) // 2]
        raise ConnectionResetError

    for lock in (Lock(), Lock(passphrase="correct horse")):
        with pytest.raises((OSError, pyrage.EncryptError)):
            save(cut(), str(tmp_path / "file"), lock)
        assert (tmp_path / "file").read_text() == "the one before"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "in"]


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    heard: list[bytes] = []
    reader = threading.Thread(target=lambda: heard.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    with written(str(tmp_path / "pipe")) as file:
        file.write(b"through")
    reader.join(10)
    assert heard == [b"through"]
    assert (tmp_path / "pipe").is_fifo()
