"""Containers and images changed behind skerry's back, by the engine's own command line."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from harness.world import wait_until
from tests.cases.faults.fault import FAULTS, Fault, Harm, fault
from tests.cases.faults.stage import IMAGE, Stage


def _done_to(words: tuple[str, ...], service: str, stage: Stage) -> Harm:
    victim = stage.container(service)
    harm = Harm(stage.addresses(victim))
    stage.engine(*words, victim, check=False)  # a restart fails where skerry has replaced it already
    return harm


for _what, _words in {
    "killed": ("kill",),
    "removed": ("rm", "--force"),
    "stopped": ("stop", "--time=2"),
    "restarted": ("restart", "--time=2"),
}.items():
    for _service, _which in {"web": "one container", "one": "the only container"}.items():
        _act: Callable[[Stage], Harm] = partial(_done_to, _words, _service)
        FAULTS.append(Fault(f"{_which} {_what}", _act, quick=(_what, _service) == ("removed", "web")))


@fault("one container paused")
def _paused(stage: Stage) -> Harm:
    victim = stage.container()
    harm = Harm(stage.addresses(victim))
    stage.engine("pause", victim)
    wait_until(lambda: "is paused" in stage.world.skerry("status", check=False), "the status says so", 60)
    stage.engine("unpause", victim)
    return harm


@fault("image removed")
def _image_removed(stage: Stage) -> None:
    """The image of what runs: untagged at least. It is there again before the next task needs it."""
    stage.engine("rmi", "--force", IMAGE, check=False)
    stage.world.load("story")


@fault("container prune at the engine")
def _container_prune(stage: Stage) -> None:
    stage.engine("container", "prune", "--force")


@fault("image prune at the engine")
def _image_prune(stage: Stage) -> None:
    stage.engine("image", "prune", "--all", "--force")
    stage.world.load("box", "story")


@fault("system prune -af at the engine")
def _system_prune(stage: Stage) -> None:
    stage.engine("system", "prune", "--all", "--force", "--volumes")
    stage.world.load("box", "story")
