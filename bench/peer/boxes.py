"""Items 5 to 7 and the listings: services of small tasks that end at once."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from bench.peer.events import Deaths, Table
from bench.peer.story import REPEATS, SECOND, Figures, Play, deploy
from bench.peer.systems import Skerry, System
from bench.peer.wire import Wire, running, timed

BOX = ["sh", "-c", "trap exit TERM; sleep 1000000 & wait"]
"""A task that ends at once on SIGTERM."""
SERVICES = 100
QUICK_LOOK_S = 0.005


def spec_of(name: str, replicas: int, template: Any = None, **more: Any) -> Any:
    """A service of small tasks."""
    container = {"ContainerSpec": {"Image": "box:1", "Args": BOX}}
    return {
        "Name": name,
        "TaskTemplate": container | (template or {}),
        "Mode": {"Replicated": {"Replicas": replicas}},
        "EndpointSpec": {"Mode": "dnsrr"},
        **more,
    }


@contextmanager
def service(system: System, spec: Any) -> Iterator[Wire]:
    """A service, its tasks running; gone afterwards."""
    wire, name = Wire(system.api_socket), spec["Name"]
    wanted = spec["Mode"]["Replicated"]["Replicas"]
    wire.call("POST", "/services/create", spec)
    try:
        wire.until(lambda: running(wire, name) == wanted, f"{wanted} tasks of {name} run")
        yield wire
    finally:
        wire.call("DELETE", f"/services/{name}")
        wire.gone(label(name))


def label(name: str) -> str:
    """What the containers of a service have."""
    return f"com.docker.swarm.service.name={name}"


def _replicas(number: int) -> Callable[[Any], None]:
    def edit(spec: Any) -> None:
        spec["Mode"]["Replicated"]["Replicas"] = number

    return edit


def scale(wire: Wire, name: str, number: int) -> float:
    """Seconds until so many tasks run, and no other."""
    return wire.roll(name, number, _replicas(number), replaces=False)


@contextmanager
def scale_20(system: System) -> Iterator[Play]:
    """5: 2 to 20, and back."""
    with service(system, spec_of("box", 2)) as wire:

        def play() -> Figures:
            figures = {"up_s": scale(wire, "box", 20), "down_s": scale(wire, "box", 2)}
            wire.gone(label("box"), 2)
            return figures

        yield play


@contextmanager
def scale_100(system: System) -> Iterator[Play]:
    """5: none to 100."""
    with service(system, spec_of("box", 0)) as wire:

        def play() -> Figures:
            took = scale(wire, "box", 100)
            scale(wire, "box", 0)
            wire.gone(label("box"))
            return {"s": took}

        yield play


@contextmanager
def update_50(system: System) -> Iterator[Play]:
    """6: 50 replicas, ten at a time."""
    config = {"Parallelism": 10, "Monitor": SECOND // 10}
    with service(system, spec_of("box", 50, UpdateConfig=config)) as wire:
        serial = count(1)

        def edit(spec: Any) -> None:
            spec["TaskTemplate"]["ForceUpdate"] = next(serial)

        def play() -> Figures:
            wire.settled("box")
            return {"s": wire.roll("box", 50, edit)}

        yield play


@contextmanager
def crash(system: System) -> Iterator[Play]:
    """7: a task's process is killed: from the engine's word of it until another runs (restart delay 0).

    On skerry also until the kernel's table is without it: a service with a VIP, of which Swarm here has none.
    """
    restart = {"RestartPolicy": {"Condition": "any", "Delay": 0}}
    with Deaths(system) as deaths, service(system, spec_of("box", 2, restart)) as wire:

        def play() -> Figures:
            victim = _killed(wire, "box", deaths)
            wire.until(lambda: _failed(wire, victim) and running(wire, "box") == 2, "another", QUICK_LOOK_S)
            died = deaths.at(container_of(victim))
            return {"replaced_s": time.time() - died}

        if isinstance(system, Skerry):
            with _with_vip(system, restart) as out:
                yield lambda: play() | {"out_ms": out(deaths)}
        else:
            yield play


def _killed(wire: Wire, name: str, deaths: Deaths) -> Any:
    victim = next(task for task in wire.tasks(name) if task["Status"]["State"] == "running")
    deaths.forget()
    os.kill(victim["Status"]["ContainerStatus"]["PID"], signal.SIGKILL)
    return victim


def _failed(wire: Wire, task: Any) -> bool:
    return bool(wire.call("GET", f"/tasks/{task['ID']}")["Status"]["State"] == "failed")


def container_of(task: Any) -> str:
    """The ID of a task's container."""
    return str(task["Status"]["ContainerStatus"]["ContainerID"])


@contextmanager
def _with_vip(system: Skerry, restart: Any) -> Iterator[Callable[[Deaths], float]]:
    """Gives: milliseconds from a task's death to a table without it."""
    system.docker("network", "create", "--driver", "overlay", "vip")
    template = {**restart, "Networks": [{"Target": "vip"}]}
    spec = {**spec_of("vip", 2, template), "EndpointSpec": {"Mode": "vip"}}
    try:
        with service(system, spec) as wire, Table(system) as table:

            def out(deaths: Deaths) -> float:
                wire.until(lambda: running(wire, "vip") == 2, "both run")
                table.quiet()
                victim = _killed(wire, "vip", deaths)
                address = victim["NetworksAttachments"][0]["Addresses"][0].partition("/")[0]
                gone = table.without(address)
                return 1000 * (gone - deaths.at(container_of(victim)))

            yield out
    finally:
        system.docker("network", "rm", "vip")


@contextmanager
def listings(system: System) -> Iterator[Play]:
    """9: the CLI with 100 services, all of one stack, which is deployed again."""
    file = system.root / "many.yml"
    file.write_text(json.dumps(_stack([f"l{number:03}" for number in range(SERVICES)])))
    deploy(system, file, "many")
    try:
        yield lambda: {
            "ls_s": timed(lambda: system.docker("service", "ls"), REPEATS),
            "ps_s": timed(lambda: system.docker("service", "ps", "many_l050"), REPEATS),
            "deploy_s": timed(lambda: deploy(system, file, "many"), REPEATS),
        }
    finally:
        system.docker("stack", "rm", "many")


def _stack(names: Iterable[str]) -> Any:
    """Services without tasks, on the stack's network, as a compose file has them."""
    deployed = {"replicas": 0, "endpoint_mode": "dnsrr"}
    one = {"image": "box:1", "command": BOX, "deploy": deployed}
    return {"version": "3.8", "services": dict.fromkeys(names, one)}
