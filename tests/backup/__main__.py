"""`python -m tests.backup [--rounds N]`: backups under load, each restored and compared."""

from __future__ import annotations

import argparse
import sys

from demo.ending import end_in_order
from harness.images import story_tar
from tests.backup.story import play


def main() -> int:
    """Play it; 0 where no request failed and all came back."""
    parser = argparse.ArgumentParser(prog="backup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    end_in_order()
    story_tar()
    result = play(options.rounds)
    for difference in result.differing:
        print(f"differs: {difference}")
    print(result.line)
    return 0 if result.good else 1


if __name__ == "__main__":
    sys.exit(main())
