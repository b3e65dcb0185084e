"""A hundred tasks in use for an hour: what must not grow does not.

    python -m tests.soak --minutes 60 [--tasks 100] [--plot docs/soak.svg] [--most 3]

Ends with the greatest growth of a figure after the first quarter, and with 1 where that is more than `--most`
per cent.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from demo.ending import end_in_order
from tests.soak.plot import svg
from tests.soak.soak import soak

MOST_PCT = 3.0


def main() -> int:
    """Play it, say what came out."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--most", type=float, default=MOST_PCT, help="growth in per cent that is none")
    parser.add_argument("--plot", type=Path, help="a picture of it")
    options = parser.parse_args()
    end_in_order()
    series = soak(options.minutes * 60, tasks=options.tasks)
    series.write(Path(".cache") / "soak.json")
    if options.plot:
        options.plot.write_text(svg(series))
    print("\n".join(series.table()))
    print(series.line)
    return 1 if max(series.growths.values()) > options.most else 0


if __name__ == "__main__":
    sys.exit(main())
