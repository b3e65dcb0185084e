"""`python -m tests.chaos [--minutes N] [--seed N] [--only WORDS]`: faults by chance, under load.

Services are updated meanwhile. Exits 1 unless in the end all is as it was, and every request that failed was
in what a fault took away.
"""

from __future__ import annotations

import argparse
import random
import sys

from demo.ending import end_in_order
from tests.chaos.chaos import chaos
from tests.chaos.story import Story


def main() -> int:
    """Play it; 0 where all is as it should be."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--only", default="", help="parts of names of faults, separated by commas")
    options = parser.parse_args()
    end_in_order()
    print(f"SEED={options.seed}", flush=True)
    result = chaos(options.minutes * 60, Story(options.seed, options.only), print_now)
    for line in result.wrong:
        print(line)
    if not result.good:
        print(result.logs)
    print(result.line)
    return 0 if result.good else 1


def print_now(line: str) -> None:
    """A line, at once."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
