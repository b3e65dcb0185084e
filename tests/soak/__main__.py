"""An update a second for some minutes, then quiet: what must not grow with the number of updates does not.

    python -m tests.soak --minutes 15 --quiet 5

Ends with a line of all figures, each at the begin, when warm, at the end of the load and after the quiet; and
with 1 where one of them is not flat.
"""

from __future__ import annotations

import argparse
import sys

from tests.soak.soak import soak


def main() -> int:
    """Play it, say what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--quiet", type=float, default=5)
    options = parser.parse_args()
    result = soak(options.minutes * 60, options.quiet * 60)
    for failure in result.failures:
        print(f"soak: not flat: {failure}")
    print(result.line)
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
