"""`python -m tests.crash [--lives N] [--seed N]`: skerryd ends at each point, nothing is lost or left.

The points of each step of a stack's life are counted in a life without a crash. Then as many lives are played
as the longest step has points: in the K-th, each step crashes at its K-th one. With `--lives`, only so many,
with points drawn by chance.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from demo.ending import end_in_order
from tests.crash.crash import Reference, Tally, die, live
from tests.crash.stage import Stage


def main() -> int:
    """Play it; 0 where nothing was lost and nothing was left over."""
    parser = argparse.ArgumentParser(prog="crash", description=__doc__)
    parser.add_argument("--lives", type=int, default=0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    end_in_order()
    tally, seen, began = Tally(), 0, time.monotonic()
    with Stage() as stage:
        references = live(stage)
        print(f"points: {sum(one.points for one in references)}; seed {options.seed}", flush=True)
        for points in chosen(references, options.lives, random.Random(options.seed)):
            die(stage, references, points, tally)
            seen += 1
            for line in [*tally.lost, *tally.residue]:
                print(line)
            print(f"{seen} lives, {time.monotonic() - began:.0f} s: {tally.line}", flush=True)
            if tally.lost or tally.residue:
                print(stage.world.logs()[-30_000:])
                break  # what is left of it would be found again and again
    print(tally.line)
    return 0 if tally.good else 1


def chosen(references: list[Reference], lives: int, chance: random.Random) -> list[list[int]]:
    """For each life, the point of each step at which skerryd ends, 0 for none."""
    most = max(one.points for one in references)
    if lives:
        return [[chance.randint(1, one.points) for one in references] for _ in range(lives)]
    return [[life if life <= one.points else 0 for one in references] for life in range(1, most + 1)]


if __name__ == "__main__":
    sys.exit(main())
