"""`make handover`: skerryd is killed for a minute under all clients, then both processes are upgraded.

The last line is `handover: seconds=N kills=N upgrades=N requests=N names=N failed=N`; `names` are questions
for a service's name, half of them from inside a container. The exit code is 1 unless all
kinds of client asked and nothing failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from demo.ending import end_in_order
from proof.load import Load
from proof.plan import CLIENTS
from proof.stack import Stack
from tests.world.world import World

PAUSE_S = 0.2
"""skerryd is killed as soon as it answers, or after one to three of these."""

NAMES = ("dns", "dns in a container")


def main() -> None:
    """Play, count."""
    end_in_order()
    parser = argparse.ArgumentParser(prog="proof.handover", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long skerryd is killed for (60)")
    seconds = parser.parse_args().seconds
    with World(images=["story"]) as world:
        stack = Stack(world)
        stack.deploy()
        load = Load(stack)
        try:
            kills = killed(stack, seconds)
            upgrades = upgraded(stack)
        finally:
            requests = load.stop()
        failed = Counter(f"{one.kind}: {one.text}" for one in requests if one.outcome == "failed")
        if failed:
            print(world.logs(), file=sys.stderr)
    for text, count in failed.most_common():
        print(f"{count} x {text}")
    names = [one for one in requests if one.kind in NAMES]
    print(
        f"handover: seconds={seconds} kills={kills} upgrades={upgrades} requests={len(requests)}"
        f" names={len(names)} failed={sum(failed.values())}"
    )
    sys.exit(bool(failed) or not {one.kind for one in requests} >= set(CLIENTS))


def killed(stack: Stack, seconds: float) -> int:
    """kill -9 of skerryd, again and again, in the middle of updates; how often."""
    deadline, kills = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        if kills % 6 == 0:
            stack.begin_update()
        time.sleep(kills % 4 * PAUSE_S)
        stack.world.kill_skerryd()
        stack.world.up()
        kills += 1
    stack.rest()
    print(f"skerryd was killed {kills} times", flush=True)
    return kills


def upgraded(stack: Stack) -> int:
    """Both processes become another version's: at rest, and in the middle of an update; how often."""
    stack.upgrade()
    stack.begin_update()
    stack.upgrade()
    stack.rest()
    print("both processes were upgraded", flush=True)
    return 2


if __name__ == "__main__":
    main()
