"""What skerry knows of the kernel stands in one place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import skerry.linux

HERE = Path(next(iter(skerry.linux.__path__)))


@pytest.mark.parametrize(
    "word", ["AF_NETLINK", "setns", "mountinfo", "umount", r"/proc/\S*/(stat|ns|cmdline)"]
)
def test_nobody_else_does_it_by_hand(word: str) -> None:
    def users(folder: Path) -> set[Path]:
        return {path for path in folder.rglob("*.py") if re.search(rf"{word}\b", path.read_text())}

    assert users(HERE)
    assert users(HERE.parent) == users(HERE)
