"""Bytes as `skerry prune` writes them, which is as Docker does."""

from __future__ import annotations

import pytest

from skerry.cli.prune import human_size


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0B"),
        (999, "999B"),
        (1000, "1kB"),
        (1536, "1.536kB"),
        (61_299_999, "61.3MB"),
        (12_345_678_901, "12.35GB"),
        (10**18, "1EB"),
    ],
)
def test_bytes_for_people(number: int, text: str) -> None:
    assert human_size(number) == text
