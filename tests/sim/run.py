"""One seed, one run; many seeds, many processes. `make sim SEEDS=1000`, `make sim SEED=123`.

Each call draws other seeds and says which; with `--first` they are those from there on.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
import traceback
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from immutables import Map

from skerry.core.view import View
from skerry.loops.orchestrator import RESYNC_S
from tests.sim.faults import Faults, restarts
from tests.sim.liveness import unrest
from tests.sim.story import LENGTH, Violation
from tests.sim.users import NETWORKS, Users
from tests.sim.weather import CALM
from tests.sim.world import World, world

SETTLE_S = 150 * 60
"""Slots that can never be filled are waited for one by one, each to the deadline of an update, and once more
by the rollback that follows."""
LOOK_S = 10.137
"""No round number: most things happen at one."""
FIRST_DRAWN = 10**9
"""The first of the seeds that nobody chose is below this."""
AT_REST_S = 90.0
"""So long nothing may change any more: longer than every resync."""


@dataclass(frozen=True)
class Result:
    """How a run went."""

    seed: int
    services: int
    decisions: int
    commits: int
    digest: str
    virtual_s: float
    story: str
    violation: str = ""


def play(seed: int, stacks: bool = False) -> Result:
    """The whole life of one world."""
    with world(seed) as here:
        try:
            here.loop.run_until_complete(_life(here, stacks=stacks))
            violation = ""
        except Violation as found:
            violation = str(found)
        except Exception:  # noqa: BLE001 - the edge of a run: whatever it is, it has a seed
            violation = traceback.format_exc()
        return Result(
            seed, here.services, here.decider.decisions, here.view.version, here.digest.hexdigest(),
            here.loop.now / 1e9, here.story.last(LENGTH), violation,
        )  # fmt: skip


async def _life(here: World, *, stacks: bool) -> None:
    await here.start()
    supervisor = asyncio.create_task(restarts(here))
    users, faults = Users(here, stacks=stacks), Faults(here)
    for _ in NETWORKS:
        await users.do(users.network)
    for _ in range(here.chance.randint(20, 40)):
        await asyncio.sleep(_pause(here))
        if here.chance.random() < 0.3:
            faults.strike()
        else:
            await users.act()
    await calm_down(here, users, supervisor)
    await come_to_rest(here)
    await users.remove_everything()
    await come_to_rest(here)
    if here.view.tasks or here.engine.boxes or here.engine.networks:
        raise Violation(
            "what was removed leaves nothing behind", f"{[*here.view.tasks]} {[*here.engine.boxes]}"
        )
    supervisor.cancel()


def _pause(here: World) -> float:
    """Until the next action: often no time at all, sometimes a minute."""
    chance = here.chance
    return chance.choice([0.0, 0.1, 0.5, 2.0, 8.0, 20.0, 90.0]) * chance.random()


async def calm_down(here: World, users: Users, supervisor: asyncio.Task[None]) -> None:
    """From now on nothing fails any more, and the node takes tasks."""
    here.spare()
    while here.daemon is None:
        await asyncio.sleep(1)
        if supervisor.done():  # what it found is why nobody comes back
            supervisor.result()
    here.story.tell("world", "calm from now on")
    here.weather.kind = CALM
    here.engine.come_back()
    here.engine.calm_down()
    here.kernel.free_ports()
    await users.do(lambda: users.make_node("active", "a"))


async def come_to_rest(here: World) -> None:
    """Wait until everything is as it should be, and stays so.

    Resting begins when a resync has found nothing to write either: what was decided last may wait for one.
    """
    calm_s, before = 0.0, View()
    for _ in range(int(SETTLE_S / LOOK_S)):
        await asyncio.sleep(LOOK_S)
        now = _decided(here.view)
        calm_s = calm_s + LOOK_S if now == before and not unrest(here) else 0.0
        before = now
        if calm_s > RESYNC_S:
            break
    else:
        words = "; ".join(unrest(here)) or "it goes on writing"
        raise Violation("everything comes to rest when nothing fails any more", words)
    await asyncio.sleep(AT_REST_S)
    if _decided(here.view) != before or unrest(here):
        raise Violation("what has come to rest stays at rest", "; ".join(unrest(here)) or "it wrote on")


def _decided(view: View) -> View:
    """All but the addresses of tasks that are gone, which are forgotten in their time."""
    return replace(view, version=0, formers=Map())


def many(
    seeds: Iterable[int], processes: int = 2, fail_fast: bool = False, stacks: bool = False
) -> tuple[int, int, list[Result]]:
    """Services, decisions, and the results that are violations; no more than one with `fail_fast`."""
    services = decisions = done = 0
    failed = []
    began = time.monotonic()
    with ProcessPoolExecutor(processes) as pool:
        for result in pool.map(partial(play, stacks=stacks), seeds, chunksize=4):
            done += 1
            services += result.services
            decisions += result.decisions
            if result.violation:
                failed.append(result)
                print(told(result), file=sys.stderr, flush=True)
                if fail_fast:
                    pool.shutdown(cancel_futures=True)
                    break
            if done % 100 == 0:
                print(f"sim: {done} seeds, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return services, decisions, failed


def told(result: Result) -> str:
    """A failed run, for a person."""
    return (
        f"{result.story}\n--- seed {result.seed} after {result.virtual_s:.3f} s: {result.violation}\n"
        f"    (make sim SEED={result.seed})\n"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim.run")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, help="play the seeds from here on, not others each time")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--stacks", action="store_true", help="users deploy whole stacks as well")
    parser.add_argument("--fail-fast", action="store_true", help="end with the first violation")
    found = parser.parse_args()
    if found.seed is not None:
        result = play(found.seed, found.stacks)
        print(told(result) if result.violation else result.story)
        print(
            f"sim: seed={result.seed} commits={result.commits} digest={result.digest[:16]} "
            f"violations={int(bool(result.violation))}"
        )
        sys.exit(bool(result.violation))
    first = random.randrange(FIRST_DRAWN) if found.first is None else found.first
    print(f"sim: seeds {first} to {first + found.seeds - 1}", file=sys.stderr, flush=True)
    services, decisions, failed = many(
        range(first, first + found.seeds), fail_fast=found.fail_fast, stacks=found.stacks
    )
    if failed:
        print(f"sim: keep what failed, in tests/sim/regressions.py: {[result.seed for result in failed]}")
    print(
        f"sim: first={first} seeds={found.seeds} services={services} decisions={decisions} "
        f"violations={len(failed)}"
    )
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
