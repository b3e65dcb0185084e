"""`python -m tests.cases.inputs`: every input marked `case`, the slow ones too, summed up in a line. Exits 1
if one failed. What follows goes to pytest."""

from __future__ import annotations

import sys

import pytest

from tests.cases.plugin import CASE, Tally


def main() -> int:
    """Run them; 0 where all are as they should be."""
    tally = Tally()
    code = pytest.main(["-m", CASE, "--slow", *sys.argv[1:]], plugins=[tally])
    print(tally.line, flush=True)
    return 1 if code or tally.failed or not tally.inputs else 0


if __name__ == "__main__":
    sys.exit(main())
