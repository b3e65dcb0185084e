"""Mounts, as the kernel lists them and as they are made."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.linux import mounts

LINES = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:26 / /run rw,nosuid shared:5 master:1 - tmpfs tmpfs rw
31 30 0:27 / /run/a\040b\134\011c rw - tmpfs skerry rw
"""


def test_paths_are_read_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(LINES)
    monkeypatch.setattr(mounts, "MOUNTINFO", table)
    assert mounts.mounts() == [
        (Path("/"), "ext4"),
        (Path("/run"), "tmpfs"),
        (Path("/run/a b\\\tc"), "tmpfs"),
    ]
    assert mounts.is_mount_point(Path("/run/a b\\\tc"))
    assert mounts.in_memory(Path("/run/elsewhere"))
    assert not mounts.in_memory(Path("/var"))


@pytest.mark.engine
def test_what_is_mounted_below_a_folder_goes(tmp_path: Path) -> None:
    place, other = tmp_path / "a b", tmp_path / "other"
    for folder in (place, other):
        folder.mkdir()
        mounts.mount_tmpfs(folder, "size=1m")
    try:
        (place / "deep").mkdir()
        mounts.bind(place, place / "deep")
        mounts.unmount_below(place)
        assert not mounts.is_mount_point(place)
        assert mounts.is_mount_point(other)
    finally:
        mounts.unmount_below(tmp_path)
