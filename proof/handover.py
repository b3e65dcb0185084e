"""`make handover`: skerryd is killed for a minute under all clients, then both processes are upgraded.

The last line is `handover: seconds=N kills=N upgrades=N requests=N names=N failed=N`; `names` are questions
for a service's name, half of them from inside a container. The exit code is 1 unless all
kinds of client asked and nothing failed.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from demo.ending import end_in_order
from harness.world import World
from proof.cells import Request
from proof.load import Load
from proof.plan import CLIENTS
from proof.stack import Stack

PAUSE_S = 0.2
"""skerryd is killed as soon as it answers, or after one to three of these."""

NAMES = ("dns", "dns in a container")


def main() -> None:
    """Play, count."""
    end_in_order()
    parser = argparse.ArgumentParser(prog="proof.handover", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long skerryd is killed for (60)")
    seconds = parser.parse_args().seconds
    found = play([Part("kills", partial(killed, seconds=seconds)), Part("upgrades", upgraded)])
    failed = Counter(f"{one.kind}: {one.text}" for one in found.requests if one.outcome == "failed")
    for text, count in failed.most_common():
        print(f"{count} x {text}")
    names = [one for one in found.requests if one.kind in NAMES]
    print(
        f"handover: seconds={seconds} kills={found.counts['kills']} upgrades={found.counts['upgrades']}"
        f" requests={len(found.requests)} names={len(names)} failed={sum(failed.values()) + found.broken}"
    )
    sys.exit(bool(failed or found.broken) or not {one.kind for one in found.requests} >= set(CLIENTS))


class Part(NamedTuple):
    """What is played on a stack; it tells how often it did what it is about."""

    name: str
    play: Callable[[Stack], int]


@dataclass
class Found:
    """What came of the parts."""

    counts: Counter[str] = field(default_factory=Counter)
    requests: list[Request] = field(default_factory=list)
    broken: int = 0
    """Parts that did not come to their end."""


def play(parts: Iterable[Part]) -> Found:
    """Play the parts under one load; after one that breaks, the others on a new stack."""
    found, rest = Found(), list(parts)
    while rest:
        try:
            with World(images=["story"]) as world:
                _under_load(world, rest, found)
        except Exception as error:  # noqa: BLE001 - counted as failed, told, and the others go on
            traceback.print_exception(error)
            part = rest.pop(0)
            found.broken += 1
            print(
                f"broken: {part.name}: {''.join(traceback.format_exception_only(error)).strip()}", flush=True
            )
    return found


def _under_load(world: World, rest: list[Part], found: Found) -> None:
    """Play what is left, and take it away; raises what breaks a part, which is then still there."""
    stack = Stack(world)
    stack.deploy()
    load = Load(stack.clients())
    try:
        while rest:
            found.counts[rest[0].name] += rest[0].play(stack)
            rest.pop(0)
    finally:
        requests = load.stop()
        found.requests += requests
        if any(one.outcome == "failed" for one in requests):
            print(world.logs(), file=sys.stderr)


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
