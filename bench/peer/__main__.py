"""`python -m bench.peer [--rounds N] [--only WORD]`: each item on both in turn; medians and ratios."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

from bench.peer.floor import FLOORS
from bench.peer.idle import idle
from bench.peer.items import ITEMS
from bench.peer.systems import System, both

ALL = {**ITEMS, "idle": idle}

Measured = dict[str, dict[str, list[float]]]
"""By system and figure: the rounds."""


def measure(systems: dict[str, System], item: str, rounds: int) -> Measured:
    """One item, in turn on both; what is known of its floor too."""
    found: Measured = {name: defaultdict(list) for name in (*systems, "floor")}
    for number in range(rounds):
        order = list(systems) if number % 2 == 0 else list(reversed(systems))
        for name in order:
            figures = ALL[item](systems[name])
            said = " ".join(f"{key}={value:.2f}" for key, value in figures.items())
            print(f"  {item} {number + 1}/{rounds} {name}: {said}", file=sys.stderr, flush=True)
            for key, value in figures.items():
                found[name][key].append(value)
        if item in FLOORS:
            found["floor"]["s"].append(FLOORS[item](systems["skerry"]))
    return found


def lines(item: str, found: Measured) -> list[str]:
    """The item's figures as lines of a table."""
    out = []
    for key in found["skerry"]:
        theirs, ours = (statistics.median(found[name][key]) for name in ("swarm", "skerry"))
        low, high = min(found["skerry"][key]), max(found["skerry"][key])
        ratio = f"{theirs / ours:.1f}×" if ours and key.endswith("_s") | (key == "s") else ""
        floor = (
            statistics.median(found["floor"]["s"])
            if found["floor"]["s"] and key in ("s", "up_s", "replaced_s")
            else 0
        )
        above = f"{floor:.2f} ({ours / floor:.2f}×)" if floor else ""
        out.append(
            f"| {item} {key} | {theirs:.2f} | {ours:.2f} | {low:.2f} – {high:.2f} | {ratio} | {above} |"
        )
    return out


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="bench.peer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--result", type=Path)
    options = parser.parse_args()
    results: dict[str, Measured] = {}
    with both() as systems:
        for item in ALL:
            if options.only in item:
                results[item] = measure(systems, item, options.rounds)
    print("| item | Swarm | skerry | range | faster | floor |\n| --- | --- | --- | --- | --- | --- |")
    for item, found in results.items():
        print("\n".join(lines(item, found)))
    if options.result is not None:
        options.result.write_text(json.dumps(results, indent=1))
    print(f"bench: items={len(results)} rounds={options.rounds}")


if __name__ == "__main__":
    main()
