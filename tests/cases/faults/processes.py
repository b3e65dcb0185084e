"""Processes killed and stopped."""

from __future__ import annotations

import signal
import time
from functools import partial

from harness.world import wait_until
from tests.cases.faults.fault import FAULTS, Fault, Harm, fault
from tests.cases.faults.stage import Stage

STOPPED_S = 15.0
NOTICED_S = 10.0
"""What a health check takes to find out that nobody answers: interval, time limit, retries."""

PROGRAMS = {
    "skerryd": "skerry.daemon",
    "gate": "skerry.gate",
    "dockerd": "dockerd",
    "containerd": "containerd",
}


def _killed(program: str, stage: Stage) -> None:
    before = stage.pids(program)
    stage.signal(signal.SIGKILL, *before)
    wait_until(lambda: set(stage.pids(program)) - set(before), f"another {program}", 60)


def _stopped(program: str, stage: Stage) -> None:
    pids = stage.pids(program)
    stage.signal(signal.SIGSTOP, *pids)
    time.sleep(STOPPED_S)
    stage.signal(signal.SIGCONT, *pids)


for _name, _program in PROGRAMS.items():
    FAULTS.append(Fault(f"{_name} killed", partial(_killed, _program), quick=_name in ("skerryd", "gate")))
    FAULTS.append(Fault(f"{_name} stopped for {STOPPED_S:.0f} s", partial(_stopped, _program)))


@fault("dockerd terminated")
def _dockerd_terminated(stage: Stage) -> None:
    before = stage.pids("dockerd")
    stage.signal(signal.SIGTERM, *before)
    wait_until(lambda: set(stage.pids("dockerd")) - set(before), "another dockerd", 60)


@fault("one shim killed")
def _one_shim_killed(stage: Stage) -> Harm:
    victim = stage.container()
    harm = Harm(stage.addresses(victim))
    stage.signal(signal.SIGKILL, stage.shim(victim))
    return harm


@fault("one shim stopped for 15 s")
def _one_shim_stopped(stage: Stage) -> None:
    shim = stage.shim(stage.container())
    stage.signal(signal.SIGSTOP, shim)
    time.sleep(STOPPED_S)
    stage.signal(signal.SIGCONT, shim)


@fault("all shims killed")
def _all_shims_killed(stage: Stage) -> Harm:
    harm = Harm(stage.addresses(*stage.containers()))
    stage.signal(signal.SIGKILL, *map(stage.shim, stage.containers()))
    return harm


@fault("all shims stopped for 15 s")
def _all_shims_stopped(stage: Stage) -> None:
    shims = stage.pids("containerd-shim")
    stage.signal(signal.SIGSTOP, *shims)
    time.sleep(STOPPED_S)
    stage.signal(signal.SIGCONT, *shims)


@fault("a task's process killed", quick=True)
def _process_killed(stage: Stage) -> Harm:
    return _task_killed(stage, "web")


@fault("the only task's process killed")
def _only_process_killed(stage: Stage) -> Harm:
    return _task_killed(stage, "one")


def _task_killed(stage: Stage, service: str) -> Harm:
    victim = stage.container(service)
    harm = Harm(stage.addresses(victim))
    stage.signal(signal.SIGKILL, int(stage.world.inspect("container", victim)["State"]["Pid"]))
    return harm


@fault("a task's process stopped for 15 s")
def _process_stopped(stage: Stage) -> Harm:
    victim = stage.container()
    harm = Harm(stage.addresses(victim), NOTICED_S)
    pid = int(stage.world.inspect("container", victim)["State"]["Pid"])
    stage.signal(signal.SIGSTOP, pid)
    wait_until(lambda: victim not in stage.containers(), "its check fails", 60)
    return harm
