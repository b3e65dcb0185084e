"""Random lives: nothing that must hold is ever broken, and all comes to rest."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from skerry.core.derive import TrafficBuilder
from skerry.core.view import View
from skerry.model.traffic import Traffic
from tests.sim.regressions import SEEDS
from tests.sim.run import many, play, told

CHECKOUT = Path(__file__).resolve().parents[2]
FIRST, COUNT = 1000, 300
"""Not those that were fixed one by one."""


@pytest.mark.timeout(900)
def test_three_hundred_seeds() -> None:
    _, decisions, failed = many(range(FIRST, FIRST + COUNT))
    assert not failed, "\n".join(told(result) for result in failed)
    assert decisions > 50 * COUNT, "something happens in them"


@pytest.mark.timeout(600)
def test_forty_seeds_with_stacks() -> None:
    _, decisions, failed = many(range(FIRST, FIRST + 40), stacks=True)
    assert not failed, "\n".join(told(result) for result in failed)
    assert decisions > 50 * 40, "something happens in them"


@pytest.mark.timeout(300)
def test_what_once_failed() -> None:
    _, _, failed = many(sorted(SEEDS))
    assert not failed, "\n".join(f"{SEEDS[result.seed]}\n{told(result)}" for result in failed)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "seed", [pytest.param(109, marks=pytest.mark.case("S1")), pytest.param(266, marks=pytest.mark.case("S2"))]
)
def test_a_life_that_once_went_wrong(seed: int) -> None:
    result = play(seed)
    assert not result.violation, told(result)


@pytest.mark.timeout(120)
def test_a_seed_is_one_run_bit_for_bit_whatever_the_hashes() -> None:
    script = "from tests.sim.run import play; result = play(5); print(result.digest, result.commits)"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hashes},
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hashes in ("1", "2", "3")
    }
    assert len(outputs) == 1
    assert outputs != {""}


@pytest.mark.timeout(120)
def test_what_a_commit_leaves_alone_is_as_if_it_were_derived_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    derive_on, fresh = TrafficBuilder.of, []

    def of(
        builder: TrafficBuilder,
        view: View,
        leaving: frozenset[str] = frozenset(),
        touched: Iterable[str] | None = None,
        waiting: frozenset[str] = frozenset(),
    ) -> Traffic:
        traffic = derive_on(builder, view, leaving, touched, waiting)
        if touched is not None:
            fresh.append(traffic == derive_on(TrafficBuilder(), view, leaving, waiting=waiting))
        return traffic

    monkeypatch.setattr(TrafficBuilder, "of", of)
    for seed in range(FIRST, FIRST + 10):
        play(seed)
    assert len(fresh) > 500
    assert all(fresh)


@pytest.mark.timeout(60)
def test_other_seeds_are_other_runs() -> None:
    assert play(5).digest != play(6).digest
