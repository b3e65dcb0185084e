"""skerryd dies at any moment: the next one goes on from the row and from what the engine shows."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skerry.model.objects import Raw
from skerry.model.states import TaskState
from tests.agent.stage import NETWORK, NODE, done, new_task, stage
from tests.engine.fake import FakeEngine

NAME = "web.1.t1"
LABELS = {"com.docker.swarm.task.id": "t1", "com.docker.swarm.node.id": NODE.id}
S = TaskState


async def left_behind(fake: FakeEngine, container: str) -> None:
    """The container as the crash left it: created, running, exited, restarted, or none."""
    if container == "none":
        return
    body: Raw = {"Image": "box:1", "Cmd": ["sleep", "9"], "Labels": LABELS}
    body["NetworkingConfig"] = {"EndpointsConfig": {NETWORK.engine_name: {}}}
    await fake.create_container(NAME, body)
    if container != "created":
        await fake.start_container(NAME)
    if container == "exited":
        fake.end(NAME, 4)


@pytest.mark.parametrize(
    ("state", "desired", "container", "comes_to", "err"),
    [
        (S.ASSIGNED, S.RUNNING, "none", S.RUNNING, ""),
        (S.ASSIGNED, S.RUNNING, "created", S.RUNNING, ""),
        (S.PREPARING, S.READY, "created", S.READY, ""),
        (S.PREPARING, S.SHUTDOWN, "created", S.SHUTDOWN, ""),
        (S.READY, S.RUNNING, "created", S.RUNNING, ""),
        (S.READY, S.RUNNING, "none", S.FAILED, f"container {NAME} is gone"),
        (S.STARTING, S.RUNNING, "created", S.RUNNING, ""),
        (S.STARTING, S.RUNNING, "running", S.RUNNING, ""),
        (S.STARTING, S.RUNNING, "exited", S.FAILED, "task: non-zero exit (4)"),
        (S.STARTING, S.SHUTDOWN, "running", S.SHUTDOWN, ""),
        (S.RUNNING, S.RUNNING, "running", S.RUNNING, ""),
        (S.RUNNING, S.RUNNING, "exited", S.FAILED, "task: non-zero exit (4)"),
        (S.RUNNING, S.RUNNING, "none", S.FAILED, f"container {NAME} is gone"),
        (S.RUNNING, S.SHUTDOWN, "running", S.SHUTDOWN, ""),
        (S.RUNNING, S.SHUTDOWN, "exited", S.SHUTDOWN, ""),
        (S.RUNNING, S.SHUTDOWN, "none", S.SHUTDOWN, ""),
    ],
)
async def test_a_task_goes_on_from_where_the_crash_left_it(
    state: TaskState, desired: TaskState, container: str, comes_to: TaskState, err: str
) -> None:
    async with stage(running=False) as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        await left_behind(fake, container)
        task = new_task("t1", desired, {})
        await here.put(replace(task, status=replace(task.status, state=state)))
        starts = here.calls.count(f"start {NAME}")
        await here.start()
        assert (await here.until_state(comes_to)).err == err
        if comes_to is S.RUNNING:
            await here.until(lambda: here.row().attachments[0].address != "")
        assert sum(box.name == NAME for box in fake.boxes.values()) <= 1
        restarted = here.calls.count(f"start {NAME}") - starts
        assert restarted == (1 if comes_to is S.RUNNING and container in ("none", "created") else 0)


@pytest.mark.parametrize("container", ["none", "created", "running", "exited"])
async def test_a_half_done_removal_is_finished(container: str) -> None:
    async with stage(running=False) as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        await left_behind(fake, container)
        task = new_task("t1", TaskState.REMOVE, {})
        await here.put(replace(task, status=replace(task.status, state=TaskState.RUNNING)))
        await here.start()
        await here.until(lambda: not here.store.view.tasks)
        assert not fake.boxes


@pytest.mark.parametrize("state", [TaskState.FAILED, TaskState.COMPLETE])
async def test_what_was_started_again_leaves_the_table_before_its_container_is_removed(
    state: TaskState,
) -> None:
    async with stage(running=False) as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        await left_behind(fake, "running")
        task = new_task("t1", TaskState.REMOVE, {})
        await here.put(replace(task, status=replace(task.status, state=state)))
        await here.start()
        await here.until(lambda: not here.store.view.tasks)
        assert done(here.calls, "withdrawn", "remove") == ["withdrawn t1", f"remove {NAME}"]


async def test_a_crash_leaves_containers_running_and_the_next_agent_takes_them_over() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        await here.task()
        await here.until_state(TaskState.RUNNING)
        before = here.row()
        await here.crash()
        assert fake.boxes[NAME].running
        fake.boxes[NAME].networks = dict.fromkeys(fake.boxes[NAME].networks, "10.0.1.77")
        await here.start()
        await here.until(lambda: here.row().attachments[0].address == "10.0.1.77")
        assert here.row().status == before.status
        assert here.row().running_at == before.running_at
        fake.end(NAME, 0)
        await here.until_state(TaskState.COMPLETE)


async def test_containers_and_files_without_a_task_are_removed_and_those_of_others_left_alone() -> None:
    async with stage(running=False) as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        await left_behind(fake, "running")
        strange = {"com.docker.swarm.task.id": "t9", "com.docker.swarm.node.id": "another"}
        await fake.create_container("other", {"Image": "box:1", "Labels": strange})
        await fake.create_container("plain", {"Image": "box:1"})
        orphan = here.folder / "t1"
        orphan.mkdir(parents=True)
        await here.start()
        await here.until(lambda: set(fake.boxes) == {"other", "plain"} and not orphan.exists())


async def test_a_row_trimmed_while_skerryd_was_away_leaves_nothing() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        await here.task(Args=["true"])
        await here.until_state(TaskState.COMPLETE)
        await here.crash()
        await here.drop("t1")
        assert fake.boxes
        await here.start()
        await here.until(lambda: not fake.boxes)


async def test_the_files_of_a_task_that_ended_before_a_crash_are_removed() -> None:
    """They may be secrets, and its row and its container stay for a while."""
    async with stage() as here:
        await here.task(Args=["true"])
        await here.until_state(TaskState.COMPLETE)
        await here.crash()
        left = here.folder / "t1"
        left.mkdir(parents=True, exist_ok=True)
        await here.start()
        await here.until(lambda: not left.exists())
        assert here.row().status.state == TaskState.COMPLETE
