"""The clock on the wall steps, for skerry's processes alone."""

from __future__ import annotations

import time
from functools import partial

from harness.faketime import set_ahead
from tests.cases.faults.fault import FAULTS, Fault, Span
from tests.cases.faults.stage import Stage

HOUR_S = 3600
STEPPED_S = 10.0


def _stepped(by_s: int, stage: Stage) -> None:
    """There, and back again."""
    set_ahead(stage.clock, by_s)
    try:
        time.sleep(STEPPED_S)
    finally:
        set_ahead(stage.clock, 0)


for _name, _by_s in (("an hour ahead", HOUR_S), ("an hour back", -HOUR_S)):
    FAULTS.append(Fault(f"clock {_name}", partial(_stepped, _by_s), span=Span.LASTING))
