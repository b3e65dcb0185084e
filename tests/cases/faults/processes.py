"""Processes killed and stopped."""

from __future__ import annotations

import signal
from contextlib import nullcontext
from functools import partial

from harness.world import wait_until
from tests.cases.faults.doing import hold_up, send
from tests.cases.faults.fault import FAULTS, Fault, Span, fault
from tests.cases.faults.stage import Stage

STOPPED_S = 15.0
NOTICED_S = 20.0
"""What a health check takes to find out that nobody answers: interval, time limit, retries."""

PROGRAMS = {
    "skerryd": "skerry.daemon",
    "gate": "skerry.gate",
    "dockerd": "dockerd",
    "containerd": "containerd",
}


def _killed(program: str, stage: Stage) -> None:
    before = stage.pids(program)
    with stage.taking_gate() if program == PROGRAMS["gate"] else nullcontext():
        send(signal.SIGKILL, *before)
        wait_until(lambda: set(stage.pids(program)) - set(before), f"another {program}", 60)


def _stopped(program: str, stage: Stage) -> None:
    hold_up(STOPPED_S, *stage.pids(program))


for _name, _program in PROGRAMS.items():
    FAULTS.append(Fault(f"{_name} killed", partial(_killed, _program), quick=_name in ("skerryd", "gate")))
    FAULTS.append(
        Fault(f"{_name} stopped for {STOPPED_S:.0f} s", partial(_stopped, _program), span=Span.LASTING)
    )


FAULTS.append(Fault("dockerd terminated", Stage.restart_engine))


@fault("one shim killed")
def _one_shim_killed(stage: Stage) -> None:
    victim = stage.container()
    with stage.taking(victim):
        send(signal.SIGKILL, stage.shim(victim))


@fault("one shim stopped for 15 s", span=Span.LASTING)
def _one_shim_stopped(stage: Stage) -> None:
    hold_up(STOPPED_S, stage.shim(stage.container()))


@fault("all shims killed")
def _all_shims_killed(stage: Stage) -> None:
    victims = stage.containers()
    with stage.taking(*victims):
        send(signal.SIGKILL, *map(stage.shim, victims))


@fault("all shims stopped for 15 s", span=Span.LASTING)
def _all_shims_stopped(stage: Stage) -> None:
    hold_up(STOPPED_S, *stage.pids("containerd-shim"))


def _task_killed(service: str, stage: Stage) -> None:
    victim = stage.container(service)
    with stage.taking(victim):
        send(signal.SIGKILL, stage.process(victim))


FAULTS.append(Fault("a task's process killed", partial(_task_killed, "web"), quick=True))
FAULTS.append(Fault("the only task's process killed", partial(_task_killed, "one")))


@fault("a task's process stopped for 15 s", span=Span.LASTING)
def _process_stopped(stage: Stage) -> None:
    victim = stage.container()
    with stage.taking(victim, grace_s=NOTICED_S):
        send(signal.SIGSTOP, stage.process(victim))
        wait_until(lambda: victim not in stage.containers(), "its check fails", 60)
