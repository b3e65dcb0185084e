"""docs/architecture.md walks one update from socket to packet: each file that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ROOMS = sorted(path.name for path in (ROOT / "src" / "skerry").iterdir() if path.is_dir())


def test_each_file_that_the_walk_names_is_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(rf"`((?:{'|'.join(ROOMS)})/[\w/]+\.py)`", page))
    assert len(named) > 30
    assert not [name for name in named if not (ROOT / "src" / "skerry" / name).exists()]
