"""What needs somebody, of the machine."""

from __future__ import annotations

import pytest

from skerry.api.overview import attention
from skerry.core.view import View
from skerry.core.why.answer import Scene
from skerry.model.objects import Raw

GIB = 1 << 30
FULL: Raw = {"path": "/data", "total": 100 * GIB, "free": 4 * GIB}
ROOMY: Raw = {"path": "/var", "total": 100 * GIB, "free": 6 * GIB}
UNKNOWN: Raw = {"path": "/data", "error": "no such file"}


@pytest.mark.parametrize(
    ("about", "paths"),
    [
        ({}, []),
        ({"disk": ROOMY}, []),
        ({"disk": UNKNOWN}, []),
        ({"disk": FULL}, ["/data"]),
        ({"disk": ROOMY, "engine_disk": FULL}, ["/data"]),
    ],
)
def test_a_disk_that_is_nearly_full(about: Raw, paths: list[str]) -> None:
    needs = attention(Scene(View(), 0, {}, (), lambda service: True), about, [])
    assert [need["of"] for need in needs] == paths
    for need in needs:
        assert need["sentence"] == "the disk is nearly full: 4 GiB of 100 GiB are free"
        assert need["command"] == "skerry prune"
