"""`python -m tests.mutants.run [--sample N] [--seeds N]`: break the core on purpose; something must notice.

Each fault gets a copy of the package of its own. The tests of the core judge it first; what they let pass
goes through the simulator. The last line is `mutants: caught=N of N`.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
FAULTS = Path(__file__).with_name("faults.toml")
TESTS = (
    "tests/core",
    "tests/control/test_allocate.py",
    "tests/control/test_services.py",
    "tests/loops/test_clock.py",
)
LIMIT_S = 120


class Fault(NamedTuple):
    """One deliberate fault in a module of the core, or (`health/probe`) of another package that is pure: the
    text `right` becomes `wrong`."""

    module: str
    what: str
    right: str
    wrong: str

    @property
    def file(self) -> str:
        """The module, in the package."""
        return f"{self.module}.py" if "/" in self.module else f"core/{self.module}.py"


def all_faults() -> list[Fault]:
    """The list that is kept beside this file."""
    return [Fault(**one) for one in tomllib.loads(FAULTS.read_text())["fault"]]


def broken(fault: Fault) -> str:
    """The module's text with the fault in it. Raises ValueError where it does not apply just once."""
    text = (CHECKOUT / "src" / "skerry" / fault.file).read_text()
    if text.count(fault.right) != 1:
        raise ValueError(f"{fault.module}: {fault.right!r} stands there {text.count(fault.right)} times")
    return text.replace(fault.right, fault.wrong)


def judges(seeds: int) -> list[list[str]]:
    """Commands that fail where the core is broken, the quickest first."""
    tests = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *TESTS]
    sim = [sys.executable, "-m", "tests.sim.run", "--first", "1", "--seeds", str(seeds)]
    return [tests, sim] if seeds else [tests]


def caught_by(fault: Fault, seeds: int) -> str:
    """The first judge that notices; "" where none does."""
    with tempfile.TemporaryDirectory(prefix="skerry-mutant-") as folder:
        package = Path(folder) / "skerry"
        shutil.copytree(CHECKOUT / "src" / "skerry", package, ignore=shutil.ignore_patterns("__pycache__"))
        (package / fault.file).write_text(broken(fault))
        env = {**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        for words in judges(seeds):
            try:
                done = subprocess.run(
                    words, cwd=CHECKOUT, env=env, capture_output=True, timeout=LIMIT_S, check=False
                )
            except subprocess.TimeoutExpired:
                return "no end"
            if done.returncode:
                return "the simulator" if "tests.sim.run" in words else "a test"
    return ""


def run(faults: Sequence[Fault], seeds: int) -> int:
    """Try all, as many at a time as there are processors; how many were caught."""
    caught = 0
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for fault, judge in zip(faults, pool.map(lambda one: caught_by(one, seeds), faults), strict=True):
            caught += bool(judge)
            verdict = f"caught by {judge}" if judge else "NOT CAUGHT"
            print(f"{verdict:<24} {fault.module:<12} {fault.what}", flush=True)
    return caught


def main() -> int:
    """Read the arguments, try the faults."""
    parser = argparse.ArgumentParser(prog="mutants")
    parser.add_argument("--sample", type=int, default=0, help="only so many, drawn by --seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=40, help="simulated lives for what the tests let pass")
    parser.add_argument("--only", default="", help="only faults that have this in their words")
    options = parser.parse_args()
    faults = [fault for fault in all_faults() if options.only in fault.what]
    if options.sample:
        faults = random.Random(options.seed).sample(faults, options.sample)
    caught = run(faults, options.seeds)
    print(f"mutants: caught={caught} of {len(faults)}")
    return 0 if caught == len(faults) else 1


if __name__ == "__main__":
    sys.exit(main())
