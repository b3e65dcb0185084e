"""Containers and images changed behind skerry's back, by the engine's own command line."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.cases.faults.doing import bring, see
from tests.cases.faults.fault import FAULTS, Fault, Span, fault
from tests.cases.faults.stage import IMAGE, Stage


def _done_to(words: tuple[str, ...], service: str, stage: Stage) -> None:
    victim = stage.container(service)
    with stage.taking(victim):
        stage.engine(*words, victim, check=False)  # a restart fails where skerry has replaced it already


for _what, _words in {
    "killed": ("kill",),
    "removed": ("rm", "--force"),
    "stopped": ("stop", "--time=2"),
    "restarted": ("restart", "--time=2"),
}.items():
    for _service, _which in {"web": "one container", "one": "the only container"}.items():
        _act: Callable[[Stage], None] = partial(_done_to, _words, _service)
        FAULTS.append(Fault(f"{_which} {_what}", _act, quick=(_what, _service) == ("removed", "web")))


@fault("one container paused", span=Span.LASTING)
def _paused(stage: Stage) -> None:
    victim = stage.container()
    with stage.taking(victim):
        stage.engine("pause", victim)
        try:
            see(stage, "is paused", victim)
        finally:
            stage.engine("unpause", victim, check=False)  # one that an update has stopped is none


@fault("image removed", span=Span.LASTING)
def _image_removed(stage: Stage) -> None:
    """The image of what runs: untagged at least. It is there again before the next task needs it."""
    stage.engine("rmi", "--force", IMAGE, check=False)
    bring(stage, "story")


@fault("container prune at the engine")
def _container_prune(stage: Stage) -> None:
    stage.engine("container", "prune", "--force")


@fault("image prune at the engine", span=Span.LASTING)
def _image_prune(stage: Stage) -> None:
    stage.engine("image", "prune", "--all", "--force", check=False)
    bring(stage, "box", "story")


@fault("system prune -af at the engine", span=Span.LASTING)
def _system_prune(stage: Stage) -> None:
    stage.engine("system", "prune", "--all", "--force", "--volumes", check=False)
    bring(stage, "box", "story")
