"""The short form: one life, with points drawn by chance. `make crash` plays all points."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.__main__ import chosen
from tests.crash.counter import Counter
from tests.crash.crash import Reference, Tally, die, live
from tests.crash.picture import differences, picture
from tests.crash.stage import Stage

PASS_THREE = """
import sys
from pathlib import Path
from tests.crash.counter import Counter
counter = Counter(Path(sys.argv[1]))
for number in range(3):
    counter.passes(f"point {number}")
"""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A world with a daemon that counts."""
    with Stage() as made:
        yield made


@pytest.fixture(scope="module")
def references(stage: Stage) -> list[Reference]:
    """A life without a crash."""
    return live(stage)


@pytest.mark.parametrize(("left", "passed", "last"), [(0, 3, ""), (1, 1, "point 0"), (3, 3, "point 2")])
def test_the_process_that_passes_the_point_ends_there(
    tmp_path: Path, left: int, passed: int, last: str
) -> None:
    counter = Counter(tmp_path / "counter")
    counter.set(left)
    done = subprocess.run([sys.executable, "-c", PASS_THREE, str(tmp_path / "counter")], check=False)
    assert (done.returncode, counter.passed, counter.last) == (-9 if left else 0, passed, last)


@pytest.mark.engine
@pytest.mark.timeout(400)
def test_skerryd_ends_at_a_point_of_each_step_and_nothing_is_lost_or_left(
    stage: Stage, references: list[Reference]
) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(1 << 30))
    tally = Tally()
    for points in chosen(references, 1, random.Random(seed)):
        die(stage, references, points, tally)
    assert tally.good, f"SEED={seed}: {tally}"


@pytest.mark.engine
@pytest.mark.timeout(400)
def test_what_is_left_over_is_seen(stage: Stage, references: list[Reference]) -> None:
    engine = f"unix://{stage.world.run_dir}/engine.sock"
    stage.world.run("docker", "-H", engine, "create", "--name", "stray", "box:1")
    (stage.world.run_dir / "tasks" / "stray").mkdir()
    stage.world.run("nft", "add table ip skerry-stray")
    assert differences(references[-1].lines, picture(stage.world, stage.api, asking=False)) == [
        "too much: container of nobody created",
        "too much: container of nobody in bridge",
        "too much: file tasks/stray",
        "too much: machine nft: table ip skerry-stray",
    ]
