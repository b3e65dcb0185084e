"""`python -m tests.outgrow [--short]`: the move to a cluster of three nodes. Exits 1 if a check failed."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from demo.ending import end_in_order
from harness.images import story_tar
from harness.net import run
from harness.processes import processes_of
from tests.outgrow.cluster import NODES
from tests.outgrow.stage import Checks, Stage, stage
from tests.outgrow.story import SHORT, WHOLE, MoveStep


def main() -> int:
    """Tell it, take everything down, count."""
    parser = argparse.ArgumentParser(prog="outgrow", description=__doc__)
    parser.add_argument(
        "--short", action="store_true", help="without updates, a node that is cut off, the way back"
    )
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("it starts Docker engines and their network: as root, please")
        return 1
    end_in_order()
    story_tar()
    checks, services = Checks(), 0
    try:
        services = _tell(SHORT if options.short else WHOLE, checks)
    except Exception as error:  # noqa: BLE001 - what came of the steps before is told all the same
        _broken("the stage", error, checks)
    print(
        f"outgrow: nodes={len(NODES)} services={services} checks={checks.count} failed={len(checks.failed)}"
    )
    return 1 if checks.failed else 0


def _tell(steps: Sequence[MoveStep], checks: Checks) -> int:
    """Take the steps; how many services there are at the end."""
    with stage() as both:
        for step in steps:
            _take(step, both, checks)
        services = len(both.cluster.docker("node1", "service", "ls", "-q", check=False).split())
    _leftovers(both, checks)
    for what, seconds in both.seconds.items():
        print(f"     {what}: {seconds:.1f} s")
    return services


def _take(step: MoveStep, both: Stage, checks: Checks) -> None:
    """One step; what goes wrong in it is a check that failed."""
    print(f"\n=== {step.__name__.replace('_', ' ')}: {(step.__doc__ or '').strip()}", flush=True)
    try:
        step(both, checks)
    except Exception as error:  # noqa: BLE001 - the others go on, and what is there is taken down
        _broken(step.__name__, error, checks)


def _broken(what: str, error: Exception, checks: Checks) -> None:
    traceback.print_exception(error)
    checks(f"{what} came to its end: {traceback.format_exception_only(error)[-1].strip()}", False)


def _leftovers(both: Stage, checks: Checks) -> None:
    spaces = run("ip", "netns", "list")
    left = [name for name in (both.cluster.tag, both.world.net.tag) if f"-{name}" in spaces]
    roots = [
        root for root in (both.cluster.root, both.world.root) if Path(root).exists() or processes_of(root, [])
    ]
    checks("nothing is left of it", not left and not roots)


if __name__ == "__main__":
    sys.exit(main())
