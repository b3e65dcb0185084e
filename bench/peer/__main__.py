"""`make bench`: each item on a genuine Swarm and on skerry in turn, beside what the bare engine takes.

What was measured is written down item by item, so that a run which is cut goes on with `--resume`. The last
line is `bench: items=N met=N broken=N`; the exit code is 1 where an item broke.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import core, network
from bench.peer import page
from bench.peer.criteria import summary
from bench.peer.items import FLOORS, ITEMS
from bench.peer.results import Results, Rounds, load, machine, save
from bench.peer.systems import System, three
from demo.ending import end_in_order


def measure(systems: dict[str, System], item: str, rounds: int) -> Rounds:
    """One item: set up on all, then played in turn."""
    found: Rounds = {name: defaultdict(list) for name in systems}
    with ExitStack() as stack:
        plays = {name: stack.enter_context(ITEMS[item](systems[name])) for name in ("swarm", "skerry")}
        if item in FLOORS:
            plays["floor"] = stack.enter_context(FLOORS[item](systems["floor"]))
        for number in range(rounds):
            order = list(plays) if number % 2 == 0 else list(reversed(plays))
            for name in order:
                figures = plays[name]()
                said = " ".join(f"{key}={value:.3f}" for key, value in figures.items())
                print(f"  {item} {number + 1}/{rounds} {name}: {said}", file=sys.stderr, flush=True)
                for key, value in figures.items():
                    found[name][key].append(value)
    return found


def play(items: list[str], rounds: int, results: Results, place: Path) -> None:
    """Measure items, and write each down; after one that breaks, the others go on with new systems."""
    rest = list(items)
    while rest:
        try:
            with three() as systems:
                _measure_all(systems, rest, rounds, results, place)
        except Exception as error:  # noqa: BLE001 - counted as failed, told, and the others go on
            if rest:
                note_broken(rest.pop(0), error, results)
                save(place, results)


def _measure_all(
    systems: dict[str, System], rest: list[str], rounds: int, results: Results, place: Path
) -> None:
    """Measure what is left, and take it away; one that breaks is then still there."""
    results.machine = machine(systems["floor"].docker("version", "--format", "{{.Server.Version}}"))
    while rest:
        item, start = rest[0], time.monotonic()
        results.items[item] = measure(systems, item, rounds)
        results.items = {name: results.items[name] for name in ITEMS if name in results.items}
        results.broken.pop(item, None)
        save(place, results)
        print(f"{time.monotonic() - start:6.1f} s  {rest.pop(0)}", file=sys.stderr, flush=True)


def note_broken(item: str, error: Exception, results: Results) -> None:
    """Tell of an item that did not come to its end; what was known of it before does not count any more."""
    traceback.print_exception(error)
    results.items.pop(item, None)
    results.broken[item] = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    print(f"broken: {item}: {results.broken[item]}", file=sys.stderr, flush=True)


@contextmanager
def unbroken(item: str, results: Results) -> Iterator[None]:
    """Whatever breaks what is measured here is told and noted, and the rest goes on."""
    results.broken.pop(item, None)
    try:
        yield
    except Exception as error:  # noqa: BLE001
        note_broken(item, error, results)


def main() -> None:
    """Measure, print, write."""
    end_in_order()
    parser = argparse.ArgumentParser(prog="bench.peer", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--only", default="", help="items (or network, core) whose name contains one of these words"
    )
    parser.add_argument("--results", type=Path, required=True, help="where what was measured is kept")
    parser.add_argument("--resume", action="store_true", help="do not measure again what is there")
    parser.add_argument("--merge", type=Path, nargs="*", default=[], help="take these results over first")
    parser.add_argument("--page", type=Path, help="write the page there, and the plot beside it")
    parser.add_argument("--about", type=Path, default=page.ABOUT, help="what the page says beside its tables")
    options = parser.parse_args()
    words = options.only.split() or [""]
    known = load(options.results) if options.resume or options.only or options.merge else Results()
    for part in options.merge:
        known.merge(load(part))
    wanted = [name for name in (*ITEMS, "network", "core") if any(word in name for word in words)]
    if options.merge:
        wanted = []
    if options.resume:
        wanted = [name for name in wanted if not _is_there(known, name, options.rounds)]
    play([name for name in ITEMS if name in wanted], options.rounds, known, options.results)
    if "network" in wanted:
        with unbroken("network", known):
            known.network = network.measure()
    if "core" in wanted:
        with unbroken("core", known):
            known.core = {str(size): took for size, took in core.measure().items()}
    save(options.results, known)
    if options.page is not None:
        page.write(options.page, known, options.about)
    print("\n".join([*page.lines(known), summary(known)]))
    sys.exit(bool(known.broken))


def _is_there(known: Results, name: str, rounds: int) -> bool:
    if name in ITEMS:
        figures = known.items.get(name, {}).get("skerry", {}).values()
        return bool(figures) and all(len(values) >= rounds for values in figures)
    return bool(known.network if name == "network" else known.core)


if __name__ == "__main__":
    main()
