"""Fifty releases of a stack, most with another image under the same tag, another config and secret, and
`docker image prune --all` in between; then ten by chance are restored, and compared with what they were.

`python -m tests.undo [--releases N] [--restored N] [--seed N]`. A second stack shows that without a label the
last ten releases can be restored.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from harness.world import World
from tests.undo.replay import Replay, hold_base

BY_DEFAULT = 10
"""So many releases are kept where no label says otherwise."""


def released(replay: Replay, count: int) -> None:
    """Make them."""
    for number in range(1, count + 1):
        begun = time.monotonic()
        replay.release(number)
        print(f"{replay.stack}: release {number} in {time.monotonic() - begun:.1f} s", flush=True)


def restored(replay: Replay, numbers: list[int]) -> list[str]:
    """Restore them, the oldest first, as each makes a release itself; what came out differently."""
    differing = []
    for number in sorted(numbers):
        words = replay.restore(number)
        print(words or f"{replay.stack}: release {number} is restored", flush=True)
        differing += [words] if words else []
    return differing


def by_default(world: World, chance: random.Random) -> list[str]:
    """Without the label: what differs between the last ten releases and what comes of restoring them."""
    replay = Replay(world, "brief", chance)
    released(replay, BY_DEFAULT + 2)
    kept = replay.kept()
    if kept != list(range(3, BY_DEFAULT + 3)):
        return [f"kept are {kept}"]
    return restored(replay, kept)


def main() -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.undo", description=__doc__)
    parser.add_argument("--releases", type=int, default=50)
    parser.add_argument("--restored", type=int, default=10)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 100_000)
    parser.add_argument("--no-default", action="store_true", help="without the second stack")
    wish = parser.parse_args()
    print(f"seed {wish.seed}", flush=True)
    chance = random.Random(wish.seed)
    with World(images=["box"]) as world:
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        hold_base(world)
        replay = Replay(world, "long", chance, keep=str(wish.releases))
        released(replay, wish.releases)
        numbers = chance.sample(range(1, wish.releases + 1), wish.restored)
        differing = restored(replay, numbers)
        last = [] if wish.no_default else by_default(world, chance)
    for words in last:
        print(f"by default: {words}")
    print(f"undo: releases={wish.releases} restored={len(numbers)} differing={len(differing)}")
    return 1 if differing or last else 0


if __name__ == "__main__":
    sys.exit(main())
