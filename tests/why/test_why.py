"""The short form of `make why`: some ways of failing on a real engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.why.__main__ import play
from tests.why.stage import Stage
from tests.why.way import Way
from tests.why.ways import WAYS

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


@pytest.mark.parametrize("way", [way for way in WAYS if way.short], ids=lambda way: way.name)
def test_the_first_sentence_names_the_true_cause(stage: Stage, way: Way) -> None:
    assert play(stage, way)
