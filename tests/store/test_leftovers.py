"""What was cut leaves files in the data directory, which are found when they are old enough."""

from __future__ import annotations

from pathlib import Path

from skerry.store.leftovers import AGE_S, leftovers, remove, size_of


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_they_are_found_measured_and_removed(tmp_path: Path) -> None:
    for name in (".skerry.db.0a1b2c3d", "restore/state/skerry.db", "skerry.db", "secret.key", "backup/x"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"abc")
    now = (tmp_path / "restore").lstat().st_mtime
    assert leftovers(tmp_path, now + AGE_S / 2) == [], "somebody may be at it"
    found = leftovers(tmp_path, now + AGE_S * 2)
    assert found == [tmp_path / ".skerry.db.0a1b2c3d", tmp_path / "restore"]
    assert [size_of(path) for path in found] == [3, 3]
    for path in (*found, tmp_path / "never-there"):
        remove(path)
    assert names(tmp_path) == ["backup", "secret.key", "skerry.db"]


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "restore"
    link.symlink_to(tmp_path / "elsewhere")
    assert size_of(link) == link.lstat().st_size
    remove(link)
    assert names(tmp_path) == ["elsewhere"]
