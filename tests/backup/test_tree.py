"""A copy is what the folder is, whatever happened between its rounds; and leads nowhere else."""

from __future__ import annotations

import mmap
import os
import subprocess
from pathlib import Path

import pytest

from harness.world import wait_until
from skerry.backup.tree import Tree
from skerry.linux.filesystems import runs
from skerry.linux.mounts import in_memory
from tests.backup.picture import picture


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with something of each kind."""
    folder = tmp_path / "source"
    (folder / "deep/er").mkdir(parents=True)
    (folder / "plain").write_bytes(b"plain" * 1000)
    (folder / "empty").touch()
    (folder / "deep/er/private").write_text("mine")
    (folder / "deep/er/private").chmod(0o600)
    (folder / "deep/hard").hardlink_to(folder / "plain")
    (folder / "link").symlink_to("deep/er")
    (folder / "dangling").symlink_to("/nowhere/at all")
    os.mkfifo(folder / "pipe")
    (folder / "späte\nzeile").write_text("name")
    (folder / os.fsdecode(b"\xff\xfe")).write_text("bytes")
    with (folder / "sparse").open("wb") as file:
        file.seek(50_000_000)
        file.write(b"end")
    (folder / "deep").chmod(0o2750)
    os.utime(folder / "deep", ns=(1, 2_000_000_003))
    return folder


def test_a_round_copies_everything_as_it_is(source: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(source / "empty", 12345, 54321)
        os.chown(source / "dangling", 7, 8, follow_symlinks=False)
    try:
        os.setxattr(source / "plain", "user.note", b"\x00\xff")
    except OSError:
        print("no user attributes here")
    tree = Tree(source, tmp_path / "target")
    tree.copy()
    assert picture(tmp_path / "target") == picture(source)
    with (tmp_path / "target/sparse").open("rb") as file:
        assert sum(end - begin for begin, end in runs(file.fileno(), 50_000_003)) < 10_000_000


def test_the_next_round_makes_it_what_the_folder_is_by_then(source: Path, tmp_path: Path) -> None:
    tree = Tree(source, tmp_path / "target")
    tree.copy()
    (source / "plain").write_bytes(b"other" * 1000)
    (source / "deep/er/private").unlink()
    (source / "empty").unlink()
    (source / "empty").mkdir()
    (source / "empty/within").write_text("now a folder")
    (source / "link").unlink()
    (source / "link").write_text("now a file")
    (source / "deep/hard").rename(source / "harder")
    (source / "new").write_text("new")
    subprocess.run(["rm", "-r", str(source / "deep/er")], check=True)
    (source / "deep/er").symlink_to("../new")
    (source / "dangling").unlink()
    tree.copy()
    assert picture(tmp_path / "target") == picture(source)


def test_a_round_in_which_nothing_changed_copies_nothing_that_is_old(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "old").write_bytes(b"x" * 1000)
    tree = Tree(source, tmp_path / "target")
    assert tree.copy() == 1000
    if not in_memory(source):
        wait_until(lambda: not tree.copy(), "it is young no more")
    (source / "old").write_bytes(b"y" * 999)
    assert tree.copy() == 999
    assert (tmp_path / "target/old").read_bytes() == b"y" * 999


def test_what_is_written_by_a_mapping_is_seen(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "mapped").write_bytes(bytes(1 << 16))
    with (source / "mapped").open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        tree = Tree(source, tmp_path / "target")
        for number in range(1, 6):
            mapped[5] = mapped[40_000] = number  # the same pages, which stay dirty
            tree.copy()
            content = (tmp_path / "target/mapped").read_bytes()
            assert (content[5], content[40_000]) == (number, number)


def test_a_folder_that_becomes_a_link_leads_nowhere(tmp_path: Path) -> None:
    source, outside = tmp_path / "source", tmp_path / "outside"
    (source / "a").mkdir(parents=True)
    (source / "a/inner").write_text("mine")
    outside.mkdir()
    (outside / "inner").write_text("of the machine")

    asked = iter((False, True))

    def swap() -> None:
        """Once the folder is being read."""
        if next(asked, False):
            (source / "a").rename(tmp_path / "away")
            (source / "a").symlink_to(outside)

    Tree(source, tmp_path / "target", swap).copy()
    assert (tmp_path / "target/a/inner").read_text() == "mine"


def test_a_copy_can_be_given_up(source: Path, tmp_path: Path) -> None:
    class EnoughError(Exception):
        pass

    def enough() -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        Tree(source, tmp_path / "target", enough).copy()
