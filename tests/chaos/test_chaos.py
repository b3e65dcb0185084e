"""The short form; `make chaos` plays longer."""

from __future__ import annotations

import os
from itertools import islice

import pytest

from tests.cases.faults.fault import Span
from tests.cases.faults.kinds import spanning
from tests.chaos.chaos import chaos
from tests.chaos.story import Story

SHORT_S = 50.0
SEED = 1
"""`SEED=7 make test TESTS=tests/chaos` plays another one; `make chaos` draws its own."""


@pytest.mark.parametrize("span", [Span.SUDDEN, Span.LASTING])
def test_the_same_seed_tells_the_same_story_and_every_fault_comes_in_it(span: Span) -> None:
    count = len(spanning(span))
    seen = list(islice(Story(7).of(span), 2 * count))
    assert seen == list(islice(Story(7).of(span), 2 * count))
    assert seen != list(islice(Story(8).of(span), 2 * count))
    for half in (seen[:count], seen[count:]):
        assert {fault.name for _, fault in half} == {fault.name for fault in spanning(span)}


@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.timeout(600)
def test_after_faults_by_chance_all_is_as_it_was() -> None:
    seed = int(os.environ.get("SEED") or SEED)
    result = chaos(SHORT_S, Story(seed), print)
    assert result.good, f"SEED={seed} {result.line}\n" + "\n".join(result.wrong)
