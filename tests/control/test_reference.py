"""Image references, as a Docker 20.10 takes or refuses them."""

from __future__ import annotations

import pytest

from skerry.control.reference import is_reference

HEX = "0123456789abcdef" * 4

GOOD = [
    "a",
    "a:b",
    "docker.io/a",
    "index.docker.io/a",
    "Up.x/a",
    "localhost:5000/a",
    "localhost/a",
    "a_b",
    "a__b",
    "a.b-c--d",
    f"a@sha256:{HEX}",
    f"a/b:t@sha256:{HEX}",
    f"sha256:{HEX}",
    "registry.example.com:5000/team/app:1.0.0-rc.1",
]
BAD = [
    "",
    "A",
    "a:B:c",
    "UP/a",
    "a@sha256:abc",
    f"a@md5:{HEX[:32]}",
    HEX,
    "g" * 256,
    "a" * 100_000 + "!",
    "a//b",
    "/a",
    "a/",
    "a___b",
    "a..b",
    "-a",
    "a-",
    "a b",
    "a:",
    "a:ü",
    "é",
    "a\n",
    "http://a",
    "[::1]:5000/a",
    f"a:{'t' * 129}",
]


@pytest.mark.parametrize("image", GOOD)
def test_good(image: str) -> None:
    assert is_reference(image)


@pytest.mark.parametrize("image", BAD)
def test_bad(image: str) -> None:
    assert not is_reference(image)
