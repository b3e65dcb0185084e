"""The front door beside a genuine dockerd: the short form of `python -m tests.cases.door`."""

from __future__ import annotations

import asyncio

import pytest

from tests.cases.door import furnished, fuzz
from tests.cases.spellings import spellings


def test_spellings_are_the_same_each_time() -> None:
    assert spellings(500, seed=7) == spellings(500, seed=7)
    assert len(set(spellings(500, seed=7))) == 500


@pytest.mark.case("D1")
@pytest.mark.engine
@pytest.mark.timeout(300)
def test_no_spelling_of_a_swarm_request_reaches_the_engine() -> None:
    with furnished() as socket:
        tally = asyncio.run(fuzz(socket, spellings(300, seed=2)))
    assert not tally.slipped
    assert not tally.endless
    assert not tally.failed, tally.lines
