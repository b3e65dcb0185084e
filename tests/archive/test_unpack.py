"""A backup is whole, or refused with a sentence, and nothing of it is believed."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from msgspec.structs import replace

from skerry.archive.manifest import ENTRY, FORMAT, BadArchive, Manifest, Part, encode
from skerry.archive.pack import packed
from skerry.archive.unpack import read_manifest, unpack
from tests.archive.made import STATE, VOLUME, as_file, folder_of_parts, small_backup


def test_what_was_packed_comes_out(tmp_path: Path) -> None:
    manifest = folder_of_parts(tmp_path / "in")
    data = b"".join(packed(manifest, tmp_path / "in"))
    (tmp_path / "out").mkdir()
    assert unpack(as_file(data), tmp_path / "out") == manifest
    assert (tmp_path / "out/state/skerry.db").read_bytes() == STATE
    assert (tmp_path / "out/volumes/data.tar.gz").read_bytes() == VOLUME
    assert (tmp_path / "out/state/skerry.db").stat().st_mode & 0o777 == 0o600
    assert read_manifest(as_file(data)) == manifest


def test_any_tar_takes_it_apart(tmp_path: Path) -> None:
    with tarfile.open(fileobj=as_file(small_backup(tmp_path))) as tar:
        assert tar.getnames() == [ENTRY, "state/skerry.db", "volumes/data.tar.gz"]
        volume = tar.extractfile("volumes/data.tar.gz")
        assert volume is not None
        assert volume.read() == VOLUME


def test_only_what_is_wanted_is_written_and_all_is_checked(tmp_path: Path) -> None:
    data = bytearray(small_backup(tmp_path / "in"))
    (tmp_path / "out").mkdir()
    unpack(as_file(bytes(data)), tmp_path / "out", lambda _, part: part.kind == "state")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["state"]
    data[data.index(VOLUME) + 5] ^= 1
    with pytest.raises(BadArchive, match=r"volumes/data.tar.gz is not what it was"):
        unpack(as_file(bytes(data)), tmp_path / "again", lambda _, part: False)


def test_it_is_torn_wherever_it_is_cut(tmp_path: Path) -> None:
    data = small_backup(tmp_path / "in")
    content = len(data) - 2 * tarfile.BLOCKSIZE - (-len(VOLUME) % tarfile.BLOCKSIZE)
    for number, length in enumerate(range(0, content, 7919)):
        (tmp_path / f"out{number}").mkdir()
        with pytest.raises(BadArchive, match=r"torn|is no backup"):
            unpack(as_file(data[:length]), tmp_path / f"out{number}")


def test_another_format_is_refused_with_the_way_out(tmp_path: Path) -> None:
    newer = replace(folder_of_parts(tmp_path), format=FORMAT + 1)
    with pytest.raises(
        BadArchive, match=rf"made by a newer skerry \(format {FORMAT + 1}.*install that version"
    ):
        read_manifest(as_file(b"".join(packed(newer, tmp_path))))


def entry(name: str, data: bytes) -> tuple[tarfile.TarInfo, io.BytesIO]:
    made = tarfile.TarInfo(name)
    made.size = len(data)
    return made, io.BytesIO(data)


@pytest.mark.parametrize(
    "entries",
    [
        [entry("etc/passwd", b"x")],
        [entry(ENTRY, b"{}")],
        [entry(ENTRY, b'{"format": 1}')],
        [entry(ENTRY, b"\xff")],
        [entry(ENTRY, encode(Manifest("", ""))), entry("more", b"x")],
        [entry(ENTRY, encode(Manifest("", "", parts=[Part("../up", "state", 1, "")]))), entry("../up", b"x")],
        [
            entry(ENTRY, encode(Manifest("", "", parts=[Part("/etc/x", "state", 1, "")]))),
            entry("/etc/x", b"x"),
        ],
    ],
)
def test_what_is_no_backup_is_refused_and_nothing_written(
    tmp_path: Path, entries: list[tuple[tarfile.TarInfo, io.BytesIO]]
) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for info, content in entries:
            content.seek(0)
            tar.addfile(info, content)
    with pytest.raises(BadArchive, match="is no backup of skerry"):
        unpack(as_file(file.getvalue()), tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"x" * 5000, bytes(20000)])
def test_no_tar_at_all(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BadArchive, match="is no backup of skerry"):
        unpack(as_file(data), tmp_path)
