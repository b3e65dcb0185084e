"""`python -m tests.cases.faults [--only WORDS] [--share 1/2]`: each fault under load. Exits 1 unless all were
survived, and every request that failed is explained by the fault itself."""

from __future__ import annotations

import argparse
import sys
import traceback

from tests.cases.faults.kinds import chosen
from tests.cases.faults.run import Result, play, summed
from tests.cases.faults.stage import Stage


def main() -> int:
    """Play them; 0 where all is as it should be."""
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--only", default="", help="parts of names, separated by commas")
    parser.add_argument("--share", default="1/1", help="K/N: only each N-th of them, from the K-th on")
    options = parser.parse_args()
    first, every = map(int, options.share.split("/"))
    faults = chosen(options.only)[first - 1 :: every]
    results: list[Result] = []
    stage: Stage | None = None
    try:
        for fault in faults:
            if stage is None:
                stage = _fresh()
            result = Result(fault, "no stage", 0, (), (), 0)
            if stage is not None:
                result = play(stage, fault)
            print(result.line, flush=True)
            results.append(result)
            if stage is not None and not result.good:
                print(stage.world.logs()[-20_000:])
            if stage is not None and not result.survived:  # what is left of it tells nothing of the next one
                stage.close()
                stage = None
    finally:
        if stage is not None:
            stage.close()
    line, good = summed(results)
    print(line, flush=True)
    return 0 if good else 1


def _fresh() -> Stage | None:
    try:
        return Stage().__enter__()
    except Exception:  # noqa: BLE001 - told; the fault counts as not survived, and the rest goes on
        traceback.print_exc()
        return None


if __name__ == "__main__":
    sys.exit(main())
