"""What happens when, exactly: a still world without faults and without any resync, so that a lost wake-up
is something that does not happen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from skerry.model.objects import Raw, Service, Task
from skerry.model.states import TaskState
from skerry.store.store import Change, Commit
from tests.sim.users import Users
from tests.sim.weather import STILL
from tests.sim.world import World, world

NEVER_S = 1e9
Script = Callable[[World, Users], Awaitable[None]]
Event = tuple[float, str]
"""Virtual seconds since the script began, in milliseconds; and what."""


def timeline(script: Script) -> list[Event]:
    """Play a script; tasks are `service.slot#number`, numbered in the order of their making."""
    with world(1, kind=STILL, resync_s=NEVER_S) as here:
        events: list[Event] = []

        async def play() -> None:
            await here.start()
            here.speak()
            began = here.loop.now
            here.on_commit = lambda commit: events.extend(_events(here, commit, began))
            await script(here, Users(here))

        here.loop.run_until_complete(play())
        return events


def _events(here: World, commit: Commit, began: int) -> list[Event]:
    at = round((here.loop.now - began) / 1e9, 3)
    return [(at, words) for change in commit.changes if (words := _words(here, change))]


def _words(here: World, change: Change) -> str:
    old, new = change.old, change.new
    if isinstance(new, Service) and new.update is not None:
        before = old.update.state if isinstance(old, Service) and old.update is not None else ""
        return f"{new.name} {new.update.state}" if new.update.state != before else ""
    if isinstance(new, Task):
        assert old is None or isinstance(old, Task)
        return _task(here, old, new)
    return ""


def _task(here: World, old: Task | None, new: Task) -> str:
    lives = [life.task.id for life in here.past.of_slot(new)]
    name = f"{new.service_name}.{new.slot}#{lives.index(new.id) + 1}"
    if old is None:
        return f"{name} made {new.status.state.word}/{new.desired.word}"
    if new.desired != old.desired:
        return f"{name} to be {new.desired.word}"
    if new.status.state != old.status.state and new.status.state not in (
        TaskState.PREPARING,
        TaskState.STARTING,
    ):
        return f"{name} {new.status.state.word}"
    return ""


def spec(image: int = 0, replicas: int = 1, template: Raw | None = None, **more: object) -> Raw:
    """A service `web`. Images of odd numbers have a health check that passes after a second."""
    container = {"Image": f"app:{image}"}
    return {
        "Name": "web",
        "TaskTemplate": {"ContainerSpec": container, **(template or {})},
        "Mode": {"Replicated": {"Replicas": replicas}},
        **more,
    }
