"""Faults in the middle of something: a deployment, an update, a start of the engine."""

from __future__ import annotations

import signal
import time
from functools import partial
from pathlib import Path

from harness.world import wait_until
from tests.cases.faults.doing import send
from tests.cases.faults.fault import FAULTS, Fault, Span, fault
from tests.cases.faults.stage import START_S, Stage

SERVICES, POINTS = 20, 40
COMPOSE = """\
services:
{services}
networks: {{n: {{driver: overlay}}}}
"""
SERVICE = """\
  s{number}:
    image: box:1
    command: [sleep, "100000"]
    networks: [n]
    stop_grace_period: 1s
"""


def _file(stage: Stage, count: int) -> str:
    path = stage.world.root / "many.yml"
    path.write_text(
        'version: "3.8"\n'
        + COMPOSE.format(services="".join(SERVICE.format(number=at) for at in range(count)))
    )
    return str(path)


@fault("killed at 40 points of a deployment", span=Span.ALONE)
def _deployment(stage: Stage) -> None:
    """skerryd is killed again and again while a stack of 20 services is deployed; none is lost or doubled."""
    words = ["env", f"DOCKER_HOST=unix://{stage.world.socket}", "docker", "stack", "deploy", "--compose-file"]
    file = _file(stage, SERVICES)
    deadline = time.monotonic() + START_S
    for point in range(POINTS):
        stage.world.run("timeout", f"{0.1 + 0.03 * point:.2f}", *words, file, "many", check=False)
        if Path(f"/proc/{stage.world.pid}").exists():
            send(signal.SIGKILL, stage.world.pid)
        stage.world.skerry("up", "--detach", check=False)
        if time.monotonic() > deadline:
            break
    stage.world.docker("stack", "deploy", "--compose-file", file, "many", timeout=START_S)
    names = [f"many_s{at}" for at in range(SERVICES)]
    wait_until(lambda: all(len(stage.tasks(name)) == 1 for name in names), "each service runs once", START_S)
    stage.world.docker("stack", "rm", "many", timeout=START_S)


@fault("stack removed in the middle of its update", span=Span.ALONE)
def _stack_removed(stage: Stage) -> None:
    file = _file(stage, 4)
    stage.world.docker("stack", "deploy", "--compose-file", file, "many", timeout=START_S)
    for at in range(4):
        stage.world.docker("service", "update", "--detach", "--force", f"many_s{at}")
    stage.world.docker("stack", "rm", "many", timeout=START_S)
    wait_until(
        lambda: "many_" not in stage.engine("ps", "--format={{.Names}}"), "nothing of it runs", START_S
    )


def _engine_away(how: signal.Signals, seconds: float, stage: Stage) -> None:
    """The engine is ended, and its program is not to be had."""
    stage.engine_program.rename(hidden := stage.engine_program.with_name("hidden"))
    stage.engine_program.write_text("#!/bin/sh\nexit 1\n")
    stage.engine_program.chmod(0o755)
    try:
        send(how, *stage.pids("dockerd"))
        time.sleep(seconds)
    finally:
        hidden.rename(stage.engine_program)


FAULTS += [
    Fault(
        "engine that can't start for a minute", partial(_engine_away, signal.SIGKILL, 60.0), span=Span.ALONE
    ),
    Fault("engine ended for 30 s", partial(_engine_away, signal.SIGTERM, 30.0), span=Span.LASTING),
]
