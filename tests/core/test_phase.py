"""What goes on with a service, in a word."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skerry.core.phase import Phase, phase_of
from skerry.model.objects import UpdateStatus
from skerry.model.states import TaskState
from tests.core.stack import Shop, service


def told(here: Shop, name: str) -> Phase:
    """What is shown of a service."""
    return phase_of(here.view, here.named(name))


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (TaskState.ASSIGNED, "pulling"),
        (TaskState.PREPARING, "pulling"),
        (TaskState.STARTING, "starting"),
        (TaskState.RUNNING, "done"),
    ],
)
def test_it_is_as_far_as_its_task(state: TaskState, word: str) -> None:
    here = Shop()
    here.deploy(service("db"))
    here.settle()
    (task,) = here.tasks("db")
    here.observe(task, state)
    assert told(here, "db") == Phase(word, int(state == TaskState.RUNNING), 1)


def test_it_says_what_it_waits_for() -> None:
    here = Shop()
    here.deploy(service("app", "db:healthy"), service("db"))
    here.asleep = {"db"}
    here.live(5)
    assert told(here, "app") == Phase("waits", 0, 1, "waits for shop_db to be healthy")
    here.asleep = set()
    here.live(20)
    assert told(here, "app") == Phase("done", 1, 1)


def test_in_a_release_it_waits_for_its_turn() -> None:
    here = Shop()
    here.deploy(service("app", "db:healthy"), service("db"))
    here.live(20)
    here.asleep = {"db"}
    here.deploy(service("app", "db:healthy", "2"), service("db", image="2"))
    here.live(3)
    assert told(here, "app") == Phase("waits", 0, 1, "waits for shop_db to be healthy")


def test_a_halted_update_is_a_failure() -> None:
    here = Shop()
    here.deploy(service("db"))
    here.live(10)
    here.put(replace(here.named("db"), update=UpdateStatus("paused", "update paused due to x", 1)))
    assert told(here, "db") == Phase("failed", 1, 1, "update paused due to x")


def test_an_update_under_way_is_not_done() -> None:
    here = Shop()
    here.deploy(service("db"))
    here.live(10)
    here.put(replace(here.named("db"), update=UpdateStatus("updating", "update in progress", 1, total=1)))
    assert told(here, "db").word == "ready"


def test_what_leaves_is_drained() -> None:
    here = Shop()
    here.deploy(service("db"))
    here.live(10)
    (task,) = here.tasks("db")
    here.put(replace(task, desired=TaskState.SHUTDOWN))
    assert told(here, "db").word == "draining"
