"""`python -m tests.why [--only WORDS] [--short] [--share 1/2]`: makes each way of failing and asks
`skerry why`.
Exits 1 unless the first sentence names the true cause of each."""

from __future__ import annotations

import argparse
import sys
import traceback

from tests.why.stage import Stage, settled
from tests.why.way import Way
from tests.why.ways import WAYS


def main() -> int:
    """Play them; 0 where all are named."""
    parser = argparse.ArgumentParser(prog="why", description=__doc__)
    parser.add_argument("--only", default="", help="parts of names, separated by commas")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--share", default="1/1", help="K/N: only each N-th of them, from the K-th on")
    options = parser.parse_args()
    first, every = map(int, options.share.split("/"))
    parts = options.only.split(",")
    ways = [
        way for way in WAYS if any(part in way.name for part in parts) and (way.short or not options.short)
    ]
    ways = ways[first - 1 :: every]
    with Stage() as stage:
        named = sum(play(stage, way) for way in ways)
        print(stage.world.attempt("events", "--tail", "20")[1], flush=True)
    print(f"why: ways={len(ways)} named={named}", flush=True)
    return 0 if named == len(ways) else 1


def play(stage: Stage, way: Way) -> bool:
    """Make one, ask, and tell whether the cause was named."""
    said, named = "", False
    try:
        name = way.make(stage)
        said = settled(lambda: stage.first_sentence(name), way.names)
        named = way.names(said)
        print(stage.world.attempt("why", name)[1], flush=True)
    except Exception:  # noqa: BLE001 - told; it counts as not named
        traceback.print_exc()
    finally:
        stage.clear()
    print(f"{'named' if named else 'WRONG':5}  {way.name}: {said}", flush=True)
    return named


if __name__ == "__main__":
    sys.exit(main())
