"""`python -m tests.atomic [--releases N] [--first N]`: releases of a stack of six services under load, each
with one service broken at another place in another way.

Exits 1 unless each of them ended in exactly the release before, with the right exit code and the true reason,
and every request was answered but those that were in a task which ended by itself.
"""

from __future__ import annotations

import argparse
import sys

from demo.ending import end_in_order
from tests.atomic.atomic import atomic


def main() -> int:
    """Play it; 0 where all is as it should be."""
    parser = argparse.ArgumentParser(prog="atomic", description=__doc__)
    parser.add_argument("--releases", type=int, default=30)
    parser.add_argument("--first", type=int, default=0, help="so many are left out at the begin")
    options = parser.parse_args()
    end_in_order()
    result = atomic(options.releases, lambda line: print(line, flush=True), options.first)
    for line in result.failed:
        print(line)
    print(f"{result.cut} more requests were cut off by a task that ended by itself")
    print(result.line)
    return 0 if result.good else 1


if __name__ == "__main__":
    sys.exit(main())
