"""Items 1 to 4 and the redeploy: the story's stack, deployed once and changed in each round."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

from bench.peer.systems import System
from bench.peer.wire import Wire, running, timed
from demo.load import Load, Tally
from demo.watch import wait_for
from harness.net import run

Figures = dict[str, float]
Play = Callable[[], Figures]
"""One round of an item: seconds (`s`, `…_s`), milliseconds (`…_ms`) or counts."""

APP, WEB = "story_app", "story_web"
SECOND = 1_000_000_000
REPEATS = 10
"""What takes some hundredths of a second is done so many times in a round."""


@contextmanager
def story(system: System, interval: str = "") -> Iterator[Wire]:
    """The story's stack, running and answering; gone afterwards. `interval`: not the default one (30 s)."""
    wire = Wire(system.api_socket)
    deploy(system, _file(system, interval))
    try:
        wire.until(lambda: running(wire, APP) == 2 and running(wire, WEB) == 1, "the stack runs")
        wait_for(lambda: _answers(system), "the stack answers", 60)
        yield wire
    finally:
        _remove(system, wire)


def deploy(system: System, file: Path, name: str = "story") -> None:
    """`docker stack deploy`; no registry is asked, on neither."""
    words = ("stack", "deploy", "--resolve-image", "never", "--compose-file", str(file), name)
    system.docker(*words)


def _file(system: System, interval: str) -> Path:
    file = system.stack_file()
    if not interval:
        return file
    quick = file.with_name("quick.yml")
    check = f"    healthcheck:\n      interval: {interval}\n      retries: 30\n    deploy:\n"
    quick.write_text(file.read_text().replace("    deploy:\n", check))
    return quick


def _remove(system: System, wire: Wire) -> None:
    system.docker("stack", "rm", "story")
    wire.gone("com.docker.stack.namespace=story")
    wait_for(lambda: "story_front" not in system.docker("network", "ls"), "the network is gone", 60)


def _answers(system: System) -> bool:
    line = system.net.within(["curl", "-sf", "--max-time", "2", "http://127.0.0.1/"])
    return "Version" in run(*line, check=False)


def _image(tag: str, **config: Any) -> Callable[[Any], None]:
    def edit(spec: Any) -> None:
        spec["TaskTemplate"]["ContainerSpec"]["Image"] = tag
        spec["UpdateConfig"] = {"Parallelism": 1, **config}

    return edit


@contextmanager
def story_update(system: System) -> Iterator[Play]:
    """1: the story's update, HEALTHCHECK with its default interval."""
    with story(system) as wire:
        tags = cycle(["story-app:1.0.1", "story-app:1.0.0"])

        def play() -> Figures:
            wire.settled(APP)
            return {"s": wire.roll(APP, 2, _image(next(tags)))}

        yield play


def quick_update(order: str) -> Callable[[System], AbstractContextManager[Play]]:
    """2: with an interval of 2 s, under load."""

    @contextmanager
    def item(system: System) -> Iterator[Play]:
        with story(system, "2s") as wire:
            tags = cycle(["story-app:1.0.1", "story-app:1.0.0"])

            def play() -> Figures:
                wire.settled(APP)
                edit = _image(next(tags), Order=order, Monitor=SECOND // 10)
                return _under_load(system, lambda: wire.roll(APP, 2, edit))

            yield play

    return item


@contextmanager
def web_update(system: System) -> Iterator[Play]:
    """3: the web tier on its host port, under load; interval 2 s, in the order that each can do."""
    order = "stop-first" if system.name.startswith("peer") else "start-first"
    with story(system, "2s") as wire:
        tags = cycle(["story-web:1.0.1", "story-web:1.0.0"])

        def play() -> Figures:
            wire.settled(WEB)
            return _under_load(system, lambda: wire.roll(WEB, 1, _image(next(tags), Order=order)))

        yield play


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


@contextmanager
def first_deploy(system: System) -> Iterator[Play]:
    """4: from `stack deploy` to the first 200."""
    wire = Wire(system.api_socket)

    def play() -> Figures:
        start = time.monotonic()
        try:
            deploy(system, system.stack_file())
            wait_for(lambda: _answers(system), "the stack answers", 120)
            took = time.monotonic() - start
            return {"s": took, "web_deaths": len(wire.tasks(WEB)) - 1}
        finally:
            _remove(system, wire)

    yield play


@contextmanager
def redeploy(system: System) -> Iterator[Play]:
    """9: `stack deploy` of what is already there."""
    with story(system, "2s"):
        file = _file(system, "2s")
        yield lambda: {"s": timed(lambda: deploy(system, file), REPEATS)}
