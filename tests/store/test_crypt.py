"""The key file, and what is encrypted with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skerry.model.errors import SkerryError
from skerry.store.crypt import WrongKey, load_key, seal, unseal


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    key = load_key(path)
    assert len(key) == 32
    assert load_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]


def test_starters_at_the_same_time_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(load_key, [tmp_path / "secret.key"] * 8))
    assert len(keys) == 1


def test_half_a_key_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(b"short")
    with pytest.raises(SkerryError, match="is no key: it has 5 bytes and not 32"):
        load_key(path)
    assert path.read_bytes() == b"short"


def test_sealed_opens_in_its_place_with_its_key_only() -> None:
    key = bytes(32)
    sealed = seal(key, b"hush", "x/data")
    assert b"hush" not in sealed
    assert seal(key, b"hush", "x/data") != sealed
    assert unseal(key, sealed, "x/data") == b"hush"
    for args in (
        (bytes([1] * 32), sealed, "x/data"),
        (key, sealed, "y/data"),
        (key, sealed[:-1] + bytes([sealed[-1] ^ 1]), "x/data"),
        (key, b"", "x/data"),
    ):
        with pytest.raises(WrongKey):
            unseal(*args)
