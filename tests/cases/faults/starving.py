"""Processors and memory that are taken away, in control groups of the stage's own."""

from __future__ import annotations

import time
from contextlib import nullcontext
from functools import partial

from harness.cgroups import Limit, confined, memory, processor
from tests.cases.faults.fault import FAULTS, Fault, Span
from tests.cases.faults.processes import PROGRAMS
from tests.cases.faults.stage import Stage

STARVED_S = 10.0
SHARE = 0.05
ROOM = 2 << 20
"""Bytes: what is asked for beyond that ends who asks, as the kernel's killer does where memory runs out."""


def _starved(limit: Limit, programs: tuple[str, ...], stage: Stage) -> None:
    pids = [pid for program in programs for pid in stage.pids(program)]
    taking = stage.taking_gate() if PROGRAMS["gate"] in programs else nullcontext()
    with taking, confined(f"{stage.table}-{limit.controller}", limit, pids):
        time.sleep(STARVED_S)


for _name, _limit, _programs in (
    ("skerryd and gate starved of CPU", processor(SHARE), (PROGRAMS["skerryd"], PROGRAMS["gate"])),
    ("engine starved of CPU", processor(SHARE), (PROGRAMS["dockerd"], PROGRAMS["containerd"])),
    ("skerryd starved of memory", memory(ROOM), (PROGRAMS["skerryd"],)),
    ("gate starved of memory", memory(ROOM), (PROGRAMS["gate"],)),
):
    FAULTS.append(Fault(_name, partial(_starved, _limit, _programs), span=Span.LASTING))
