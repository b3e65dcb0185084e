"""`python -m tests.crash.skerryd COUNTER up …`: skerryd that counts its points, and ends at one."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.crash.counter import Counter
from tests.crash.points import install

if __name__ == "__main__":
    install(Counter(Path(sys.argv.pop(1))))
    from skerry.daemon import main

    main()
