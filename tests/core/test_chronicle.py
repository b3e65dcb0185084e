"""What commits mean in words."""

from __future__ import annotations

from msgspec.structs import replace

from skerry.core.chronicle import events_of, of_turn, turned
from skerry.model.facts import Facts
from skerry.model.files import Config, kept_of
from skerry.model.objects import Object, Task
from skerry.model.states import TaskState
from tests.core.world import FAILED, Swarm, image, running


def told(swarm: Swarm, old: Object | None, new: Object | None) -> list[tuple[str, str, bool]]:
    return [(event.kind, event.text, event.trouble) for event in events_of(swarm.view, old, new, swarm.now)]


def test_a_task_that_becomes_ready() -> None:
    swarm = running(replicas=1)
    task = swarm.live[0]
    before = replace(task, running_at=0, status=replace(task.status, state=TaskState.STARTING))
    assert told(swarm, before, task) == [("ready", "app.1 is ready, 0.00 s after it was made", False)]
    assert told(swarm, task, replace(task, desired=TaskState.SHUTDOWN)) == []


def test_the_end_of_a_task_is_told_once_with_its_cause() -> None:
    swarm = running(replicas=1)
    task = swarm.live[0]
    failed = replace(task, status=replace(task.status, state=FAILED, exit_code=3))
    assert told(swarm, task, failed) == []
    known = replace(failed, facts=Facts(at=5, log=("no such table",)))
    text = "app.1 failed: its program ended with exit code 3 after 0.00 s: “no such table”"
    assert told(swarm, failed, known) == [("failed", text, True)]
    assert told(swarm, known, replace(known, desired=TaskState.SHUTDOWN)) == []


def test_a_task_that_could_not_be_made_is_told_at_once() -> None:
    swarm = running(replicas=1)
    task = swarm.live[0]
    status = replace(task.status, state=TaskState.REJECTED, err="No such image: app:1")
    (event,) = told(swarm, task, replace(task, status=status))
    assert event[0] == "failed"
    assert "is not on this machine" in event[1]


def test_a_service_made_changed_and_removed() -> None:
    swarm = running(replicas=1)
    before = swarm.service
    assert told(swarm, None, before) == [("service", "app was created: image app:1, 1 replicas", False)]
    assert told(swarm, before, None) == [("service", "app was removed", False)]
    swarm.update(image("2", replicas=3))
    text = "app was changed: image app:1 → app:2, replicas 1 → 3"
    assert told(swarm, before, swarm.service) == [("service", text, False)]
    swarm.update(image("2", replicas=3, Labels={"a": "b"}))
    after = swarm.service
    swarm.update(image("2", replicas=3))
    assert told(swarm, after, swarm.service) == [("service", "app was changed: Labels", False)]


def test_a_config_made_renewed_and_removed() -> None:
    swarm = running(replicas=1)
    first = Config("c1", "conf", {}, b"one", number=1)
    swarm.put(first)
    assert told(swarm, None, first) == [("config", "config conf was created", False)]
    assert told(swarm, first, replace(first, spec={"Labels": {"a": "b"}})) == []
    second = replace(first, id="c2", data=b"two", number=2)
    swarm.view = swarm.view.without(first).put(kept_of(first)).put(second)
    assert told(swarm, first, None) == []
    assert told(swarm, None, kept_of(first)) == []
    assert told(swarm, None, second) == [("config", "config conf is version 2 now", False)]
    swarm.view = swarm.view.without(second).put(kept_of(second)).without(kept_of(first)).put(first)
    assert told(swarm, None, first) == [("config", "config conf is version 1 now", False)]
    swarm.view = swarm.view.without(first)
    assert told(swarm, first, None) == [("config", "config conf was removed", False)]


def test_an_update_that_is_turned_is_told_with_the_cause() -> None:
    config = {"FailureAction": "pause", "Monitor": 1, "Parallelism": 1}
    swarm = running(replicas=1, UpdateConfig=config)
    swarm.update(image("2", replicas=1, UpdateConfig=config))
    swarm.settle()
    before = swarm.service
    new = next(task for task in swarm.live if task.spec.typed.container_spec.image == "app:2")
    swarm.observe(new, FAILED, 1)
    swarm.put(replace(swarm.view.tasks[new.id], facts=Facts(at=5, log=("boom",))))
    swarm.settle()
    assert turned(before, swarm.service)
    assert not turned(swarm.service, swarm.service)
    assert told(swarm, before, swarm.service) == []
    event = of_turn(swarm.view, swarm.service, swarm.now)
    assert event.text.startswith("app: the update is paused: app.1: its program ended with exit code 1")
    assert event.trouble


def test_the_node() -> None:
    swarm = Swarm()
    before = swarm.node
    swarm.set_node("drain")
    assert told(swarm, before, swarm.node) == [("node", "the availability of host is drain", False)]
    refused = replace(before, ports_err={"tcp/80": "in use"}, port_holders={"tcp/80": "nginx (process 8)"})
    text = "the port 80/tcp of this machine is held by nginx (process 8)"
    assert told(swarm, before, refused) == [("port", text, True)]
    held = replace(before, reserved=("tcp/80",))
    assert told(swarm, refused, held) == [("port", "the port 80/tcp is held by skerry now", False)]


def test_a_task_that_gets_no_place() -> None:
    swarm = Swarm(image("1", replicas=1))
    swarm.set_node("pause")
    swarm.settle()
    task: Task = swarm.tasks[0]
    before = replace(task, status=replace(task.status, err=""))
    text = "app.1 waits for a place: the node takes no new tasks: it is paused"
    assert told(swarm, before, task) == [("pending", text, True)]
