"""What is measured on either system: each item takes a system and returns figures (s, ms or a count)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench.peer.systems import System
from bench.peer.wire import Wire
from demo.load import Load, Tally
from demo.watch import wait_for
from tests.world.net import run

Figures = dict[str, float]
APP, WEB = "story_app", "story_web"
BOX = ["sh", "-c", "trap exit TERM; sleep 1000000 & wait"]
"""A task that ends at once on SIGTERM."""
SECOND = 1_000_000_000


@contextmanager
def story(system: System) -> Iterator[Wire]:
    """The story's stack, running and settled; gone afterwards."""
    wire = Wire(system.api_socket)
    system.docker("stack", "deploy", "--compose-file", str(system.stack_file()), "story")
    try:
        wire.until(lambda: running(wire, APP) == 2 and running(wire, WEB) == 1, "the stack runs")
        wait_for(lambda: _answers(system), "the stack answers", 60)
        yield wire
    finally:
        system.docker("stack", "rm", "story")
        wire.gone()
        wait_for(lambda: "story_front" not in system.docker("network", "ls"), "the network is gone", 60)


def running(wire: Wire, name: str) -> int:
    """How many tasks of a service run and shall."""
    return sum(
        task["Status"]["State"] == "running" and task["DesiredState"] == "running"
        for task in wire.tasks(name)
    )


def _answers(system: System) -> bool:
    line = system.net.within(["curl", "-sf", "--max-time", "2", "http://127.0.0.1/"])
    return "Version" in run(*line, check=False)


def _image(tag: str) -> Callable[[Any], None]:
    def edit(spec: Any) -> None:
        spec["TaskTemplate"]["ContainerSpec"]["Image"] = tag

    return edit


def _quick(order: str, tag: str) -> Callable[[Any], None]:
    def edit(spec: Any) -> None:
        container = spec["TaskTemplate"]["ContainerSpec"]
        container["Image"] = tag
        container["Healthcheck"] = {"Interval": 2 * SECOND}
        spec["UpdateConfig"] = {"Parallelism": 1, "Order": order, "Monitor": SECOND // 10}

    return edit


def story_update(system: System) -> Figures:
    """1: the story's update, HEALTHCHECK with its default interval."""
    with story(system) as wire:
        return {"s": wire.roll(APP, 2, _image("story-app:1.0.1"))}


def _under_load(system: System, work: Callable[[], float]) -> Figures:
    load = Load(system.load_settings())
    load.start()
    load.wait_first(60)
    time.sleep(0.5)
    start = time.monotonic()
    took = work()
    end = time.monotonic() + 0.5
    time.sleep(0.5)
    load.stop()
    tally = Tally.of(load.between(start, end))
    return {"s": took, "failed": tally.failed, "slowest_ms": tally.slowest_ms, "requests": tally.requests}


def _quick_update(order: str) -> Callable[[System], Figures]:
    def measure(system: System) -> Figures:
        with story(system) as wire:
            wire.roll(APP, 2, _quick(order, "story-app:1.0.0"))
            wire.settled(APP)
            return _under_load(system, lambda: wire.roll(APP, 2, _quick(order, "story-app:1.0.1")))

    return measure


def web_update(system: System) -> Figures:
    """3: the web tier on its host port, under load; the order that the system can do."""

    def edit(spec: Any) -> None:
        spec["TaskTemplate"]["ContainerSpec"]["Image"] = "story-web:1.0.1"
        order = "stop-first" if system.name.startswith("peer") else "start-first"
        spec["UpdateConfig"] = {"Parallelism": 1, "Order": order}

    with story(system) as wire:
        return _under_load(system, lambda: wire.roll(WEB, 1, edit))


def first_deploy(system: System) -> Figures:
    """4: from `stack deploy` to the first 200."""
    wire = Wire(system.api_socket)
    start = time.monotonic()
    system.docker("stack", "deploy", "--compose-file", str(system.stack_file()), "story")
    wait_for(lambda: _answers(system), "the stack answers", 120)
    took = time.monotonic() - start
    died = len(wire.tasks(WEB)) - 1
    system.docker("stack", "rm", "story")
    wire.gone()
    wait_for(lambda: "story_front" not in system.docker("network", "ls"), "the network is gone", 60)
    return {"s": took, "web_deaths": died}


@contextmanager
def box(system: System, replicas: int, **more: Any) -> Iterator[Wire]:
    """A service of small tasks, running; gone afterwards."""
    wire = Wire(system.api_socket)
    template = {"ContainerSpec": {"Image": "box:1", "Args": BOX}, **more.pop("template", {})}
    spec = {
        "Name": "box",
        "TaskTemplate": template,
        "Mode": {"Replicated": {"Replicas": replicas}},
        "EndpointSpec": {"Mode": "dnsrr"},
        **more,
    }
    wire.call("POST", "/services/create", spec)
    try:
        wire.until(lambda: running(wire, "box") == replicas, f"{replicas} tasks run")
        yield wire
    finally:
        wire.call("DELETE", "/services/box")
        wire.gone()


def _replicas(count: int) -> Callable[[Any], None]:
    def edit(spec: Any) -> None:
        spec["Mode"]["Replicated"]["Replicas"] = count

    return edit


def scale_20(system: System) -> Figures:
    """5: 2 to 20, and back."""
    with box(system, 2) as wire:
        up = wire.roll("box", 20, _replicas(20), replaces=False)
        return {"up_s": up, "down_s": wire.roll("box", 2, _replicas(2), replaces=False)}


def scale_100(system: System) -> Figures:
    """5: none to 100."""
    with box(system, 0) as wire:
        return {"s": wire.roll("box", 100, _replicas(100), replaces=False)}


def update_50(system: System) -> Figures:
    """6: 50 replicas, ten at a time."""

    def edit(spec: Any) -> None:
        spec["TaskTemplate"]["ForceUpdate"] = 1

    with box(system, 50, UpdateConfig={"Parallelism": 10, "Monitor": SECOND // 10}) as wire:
        return {"s": wire.roll("box", 50, edit)}


def crash(system: System) -> Figures:
    """7: a task's process is killed: until the API says so, and until another runs (restart delay 0)."""
    with box(system, 2, template={"RestartPolicy": {"Condition": "any", "Delay": 0}}) as wire:
        victim = next(task for task in wire.tasks("box") if task["Status"]["State"] == "running")
        start = time.monotonic()
        os.kill(victim["Status"]["ContainerStatus"]["PID"], signal.SIGKILL)
        wire.until(
            lambda: wire.call("GET", f"/tasks/{victim['ID']}")["Status"]["State"] == "failed", "it has failed"
        )
        seen = time.monotonic() - start
        wire.until(lambda: running(wire, "box") == 2, "another runs")
        return {"seen_s": seen, "replaced_s": time.monotonic() - start}


def listings(system: System) -> Figures:
    """9: the CLI with 100 services."""
    wire = Wire(system.api_socket)
    names = [f"l{number:03}" for number in range(100)]
    for name in names:
        spec = {
            "Name": name,
            "TaskTemplate": {"ContainerSpec": {"Image": "box:1"}},
            "Mode": {"Replicated": {"Replicas": 0}},
            "EndpointSpec": {"Mode": "dnsrr"},
        }
        wire.call("POST", "/services/create", spec)
    try:
        return {
            "ls_s": _timed(lambda: system.docker("service", "ls")),
            "ps_s": _timed(lambda: system.docker("service", "ps", "l050")),
        }
    finally:
        for name in names:
            wire.call("DELETE", f"/services/{name}")


def redeploy(system: System) -> Figures:
    """9: `stack deploy` of what is already there."""
    with story(system):
        file = str(system.stack_file())
        words = ("stack", "deploy", "--resolve-image", "never", "--compose-file", file, "story")
        return {"s": _timed(lambda: system.docker(*words))}


def _timed(work: Callable[[], object]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


ITEMS: dict[str, Callable[[System], Figures]] = {
    "story-update": story_update,
    "quick-update-stop-first": _quick_update("stop-first"),
    "quick-update-start-first": _quick_update("start-first"),
    "web-update": web_update,
    "first-deploy": first_deploy,
    "scale-2-20": scale_20,
    "scale-0-100": scale_100,
    "update-50": update_50,
    "crash": crash,
    "listings": listings,
    "redeploy": redeploy,
}
