"""`make proof`: every kind of client at once, while real containers are rolled and broken.

The last line is `proof: cells=N requests=N failed=N explained=N reconnects=N`; the exit code is 1 unless
nothing failed.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import msgspec

from demo.ending import end_in_order
from harness.world import World
from proof.cells import Cell, Explanation, Request, broken, cell, last_line, proved
from proof.load import Load
from proof.plan import BY_NAME, BY_PROTOCOL, KILLS, OVER_SIX, THROUGH, THROUGH_ONE, Run, counted, runs
from proof.protocol_stack import ProtocolStack
from proof.proxied import ProxiedStack, ShortProxiedStack
from proof.recorder import PATIENCE_S
from proof.report import write
from proof.stack import NamedStack, SixStack, Stack

STACKS: dict[str, type[Stack]] = {
    BY_NAME: NamedStack,
    OVER_SIX: SixStack,
    BY_PROTOCOL: ProtocolStack,
    THROUGH: ProxiedStack,
    THROUGH_ONE: ShortProxiedStack,
}
"""By how an action ends, where its stack is one of its own."""

EXPLAINED = Path(__file__).with_name("explained.json")
EXPLAINED_LIMIT = 60
CELLS = Path(__file__).parents[1] / ".cache" / "proof"
BEFORE_S = 1.0
AFTER_S = 1.0
TOLD = 20
"""So many failures of a run are told one by one."""
AFTER_KILL_S = PATIENCE_S + 1.0
"""Who only reads from a process that was killed may not hear of its end, and gives up after a while; so does
who asks the resolver of a killed engine."""


def main() -> None:
    """Play, count, write the report."""
    end_in_order()
    parser = argparse.ArgumentParser(prog="proof", description=__doc__)
    parser.add_argument("--short", action="store_true", help="two minutes instead of twenty")
    parser.add_argument("--only", nargs="+", default=[""], help="only runs whose name contains one")
    parser.add_argument("--save", type=Path, help="write the cells there, for --merge")
    parser.add_argument("--merge", type=Path, nargs="+", help="play nothing: take the cells of parts")
    parser.add_argument("--report", type=Path, help="write the page there")
    parser.add_argument("--cells", type=Path, default=CELLS, help="the folder for every cell and a plot")
    parser.add_argument("--logs", type=Path, help="add the tails of the logs of each world to it")
    options = parser.parse_args()
    explanations = msgspec.json.decode(EXPLAINED.read_bytes(), type=list[Explanation])
    if options.merge:
        cells = [
            one for part in options.merge for one in msgspec.json.decode(part.read_bytes(), type=list[Cell])
        ]
    else:
        planned = [run for run in runs(short=options.short) if any(word in str(run) for word in options.only)]
        cells = played(planned, explanations, options.logs)
    if options.save is not None:
        options.save.write_bytes(msgspec.json.encode(cells))
    if options.report is not None:
        write(options.report, options.cells, cells, explanations)
    print(last_line(cells))
    sys.exit(not proved(cells, EXPLAINED_LIMIT))


def played(planned: list[Run], explanations: list[Explanation], logs: Path | None) -> list[Cell]:
    """The cells of runs in a world of their own; after a run that breaks, the others go on in a new one."""
    cells: list[Cell] = []
    rest = list(planned)
    while rest:
        begun: list[Run] = []
        kind, own = next(itertools.groupby(rest, _stack))
        try:
            with World(images=kind.images) as world:
                try:
                    cells += play(kind(world), list(own), explanations, begun)
                finally:
                    if logs is not None:
                        with logs.open("a") as file:
                            print(f"=== {rest[0]}", world.logs(), sep="\n", file=file)
        except Exception as error:  # noqa: BLE001 - the world or its clients: what they played is lost
            cells += [_told(run, error) for run in begun or rest[:1]]
        rest = rest[len(begun) or 1 :]
    return cells


def _stack(run: Run) -> type[Stack]:
    return next((kind for end, kind in STACKS.items() if run.action.endswith(end)), Stack)


def play(stack: Stack, planned: list[Run], explanations: list[Explanation], begun: list[Run]) -> list[Cell]:
    """Runs under one load, until one of them breaks; a line each. `begun` gets those that were begun."""
    stack.deploy()
    load = Load(stack.clients())
    starts: list[float] = []
    failure: Exception | None = None
    try:
        time.sleep(BEFORE_S)
        for run in planned:
            begun.append(run)
            starts.append(time.monotonic())
            try:
                starts[-1] = _take(stack, load, run)
            except Exception as error:  # noqa: BLE001 - counted as failed, told, and the others go on
                failure = error
                break
    finally:
        requests = load.stop()
    ends = [*starts[1:], math.inf]
    whole = begun if failure is None else begun[:-1]
    cells: list[Cell] = []
    for run, start, end in zip(whole, starts, ends, strict=False):
        cells += _cells(run, start, [one for one in requests if start <= one.end < end], explanations)
    return cells if failure is None else [*cells, _told(begun[-1], failure)]


def _take(stack: Stack, load: Load, run: Run) -> float:
    """Play a run; when it began."""
    stack.set(run.setting)
    load.set(many=not run.action.startswith(KILLS))
    started = time.monotonic()
    try:
        stack.play(run)
    finally:
        print(f"{time.monotonic() - started:6.1f} s  {run}", flush=True)
    time.sleep(AFTER_KILL_S if run.action.startswith((*KILLS, "engine killed")) else AFTER_S)
    return started


def _cells(
    run: Run, start: float, requests: list[Request], explanations: list[Explanation]
) -> Iterator[Cell]:
    """The cells of a run; what failed in it is told."""
    clients = counted(run)
    seen = [one for one in requests if one.kind in clients]
    for one in [one for one in seen if one.outcome == "failed"][:TOLD]:
        print(f"  {one.kind}: began at {one.start - start:+.2f} s, {one.took_ms:.0f} ms: {one.text}")
    for client in clients:
        found = cell(str(run), client, [one for one in seen if one.kind == client], explanations)
        if found.errors:
            word = "failed" if found.failed else "explained"
            print(f"{word}: {client} in {run}: {', '.join(found.errors)}", flush=True)
        yield found


def _told(run: Run, error: Exception) -> Cell:
    """The cell of a run that broke."""
    traceback.print_exception(error)
    found = broken(str(run), error)
    print(f"broken: {run}: {found.errors[0]}", flush=True)
    return found


if __name__ == "__main__":
    main()
