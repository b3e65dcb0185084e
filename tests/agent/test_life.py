"""The life of a task on the fake engine: each way up, each way down."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from skerry.agent.report import Edit, Reporter
from skerry.model.objects import Attachment, Network, Task
from skerry.model.specs import CONTENT
from skerry.model.states import TaskState
from tests.agent.stage import NETWORK, done, new_task, stage
from tests.engine.fake import FakeEngine

NAME = "web.1.t1"


async def test_a_task_runs_and_stops_in_order() -> None:
    async with stage() as here:
        await here.task(StopGracePeriod=3_500_000_000)
        status = await here.until_state(TaskState.RUNNING)
        box = here.engine.boxes[NAME]  # type: ignore[attr-defined]
        assert (status.message, status.err) == ("started", "")
        assert (status.container_id, status.pid) == (box.id, box.pid)
        assert here.row().running_at == status.at
        assert here.row().attachments[0].address == box.networks[NETWORK.engine_name]
        await here.want("t1", TaskState.SHUTDOWN)
        ended = await here.until_state(TaskState.SHUTDOWN)
        assert (ended.message, ended.exit_code, ended.pid) == ("shutdown", 137, 0)
        verbs = done(here.calls, "create", "start", "withdraw", "withdrawn", "drain", "stop")
        assert verbs == [
            f"create {NAME}",
            f"start {NAME}",
            "withdraw t1",
            "withdrawn t1",
            "drain t1",
            f"stop {NAME} 3",
        ]
        assert here.observed()[1:] == ["starting", "started", "shutdown"]


@pytest.mark.case("F2")
@pytest.mark.parametrize("desired", [TaskState.READY, TaskState.RUNNING])
async def test_a_container_is_known_from_the_moment_that_it_exists(desired: TaskState) -> None:
    async with stage() as here:
        await here.task(desired=desired)
        await here.until_state(desired)
        box = here.engine.boxes[NAME]  # type: ignore[attr-defined]
        rows = [change.new for commit in here.memory.commits for change in commit]
        seen = [row.status for row in rows if isinstance(row, Task)]
        assert {status.container_id for status in seen if status.state >= TaskState.READY} == {box.id}


@pytest.mark.case("F3")
@pytest.mark.parametrize(("code", "state"), [(0, TaskState.COMPLETE), (7, TaskState.FAILED)])
async def test_a_task_that_ended_before_it_was_looked_at_has_its_container(
    code: int, state: TaskState
) -> None:
    async with stage() as here:
        await here.task(Args=["sh", "-c", f"exit {code}"])
        status = await here.until_state(state)
        box = here.engine.boxes[NAME]  # type: ignore[attr-defined]
        assert (status.container_id, status.exit_code) == (box.id, code)


async def test_nothing_is_stopped_before_it_has_left_the_table() -> None:
    async with stage() as here:
        await here.task()
        await here.until_state(TaskState.RUNNING)
        here.traffic.in_table.clear()
        await here.want("t1", TaskState.SHUTDOWN)
        await here.until(lambda: "withdraw t1" in here.calls)
        await asyncio.sleep(0.05)
        assert not done(here.calls, "drain", "stop")
        here.traffic.in_table.set()
        await here.until_state(TaskState.SHUTDOWN)


async def test_a_task_that_ends_by_itself_is_not_drained_any_longer() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        await here.task()
        await here.until_state(TaskState.RUNNING)
        here.traffic.drain_s = 1000.0
        await here.want("t1", TaskState.SHUTDOWN)
        await here.until(lambda: "drain t1" in here.calls)
        fake.end(NAME, 0)
        await here.until_state(TaskState.SHUTDOWN)


async def test_a_successor_is_prepared_and_waits() -> None:
    async with stage() as here:
        await here.task(desired=TaskState.READY)
        status = await here.until_state(TaskState.READY)
        assert status.message == "prepared"
        assert not done(here.calls, "start")
        await here.want("t1", TaskState.RUNNING)
        await here.until_state(TaskState.RUNNING)
        assert here.observed()[1:] == ["prepared", "starting", "started"]


async def test_what_was_never_started_is_shut_down_at_once_and_removed_with_its_row() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        await here.task(desired=TaskState.READY)
        await here.until_state(TaskState.READY)
        await here.want("t1", TaskState.SHUTDOWN)
        await here.until_state(TaskState.SHUTDOWN)
        assert not done(here.calls, "withdraw", "drain", "stop")
        assert NAME in fake.boxes
        await here.drop("t1")
        await here.until(lambda: NAME not in fake.boxes)


async def test_a_slow_pull_is_given_up_when_the_task_is() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        fake.pull_s = 1000.0
        await here.task(Image="far:1")
        assert (await here.until_state(TaskState.PREPARING)).message == "preparing"
        await here.want("t1", TaskState.SHUTDOWN)
        await here.until_state(TaskState.SHUTDOWN)
        assert not fake.boxes


async def test_a_task_waits_for_its_networks_and_gives_up_with_them() -> None:
    async with stage() as here:
        here.traffic.joinable_now.clear()
        await here.task()
        await here.task("t2")
        await here.until(lambda: here.calls.count("image box:1") == 2)
        await here.want("t2", TaskState.SHUTDOWN)
        await here.until_state(TaskState.SHUTDOWN, "t2")
        assert not done(here.calls, "create")
        here.traffic.joinable_now.set()
        await here.until_state(TaskState.RUNNING)


async def test_an_image_is_pulled_where_it_is_missing() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        fake.pullable["far:1"] = {"Id": "sha256:far", "Config": {}}
        await here.task(Image="far:1")
        await here.until_state(TaskState.RUNNING)
        assert here.observed()[1:] == ["preparing", "starting", "started"]


@pytest.mark.parametrize(
    ("here_is", "runs"),
    [
        ({"sha256:one", "app:1@sha256:one"}, "sha256:one"),
        ({"app:1@sha256:one"}, "app:1@sha256:one"),  # the engine got another store
        (set[str](), "app:1@sha256:one"),  # a registry may have it
    ],
)
async def test_content_with_a_digest_is_found_again(here_is: set[str], runs: str) -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        fake.images |= {name: {"Id": f"sha256:{name}", "Config": {}} for name in here_is}
        fake.pullable["app:1@sha256:one"] = {"Id": "sha256:pulled", "Config": {}}
        spec: dict[str, Any] = {"Image": "app:1@sha256:one", CONTENT: "sha256:one"}
        await here.task(**spec)
        await here.until_state(TaskState.RUNNING)
        assert [box.body["Image"] for box in fake.boxes.values()] == [runs]


async def test_content_without_a_digest_is_nowhere_else() -> None:
    async with stage() as here:
        spec: dict[str, Any] = {"Image": "box:1", CONTENT: "sha256:gone"}
        await here.task(**spec)
        status = await here.until_state(TaskState.REJECTED)
        said = "No such image: box:1 as it was, sha256:gone, is gone from this node"
        assert status.err == said


async def test_an_image_that_does_not_exist_rejects_the_task() -> None:
    async with stage() as here:
        await here.task(Image="nosuchimage:1")
        status = await here.until_state(TaskState.REJECTED)
        assert (status.message, status.err) == ("preparing", "No such image: nosuchimage:1")


async def test_a_spec_that_cannot_be_filled_rejects_the_task() -> None:
    async with stage() as here:
        await here.task(Hostname="{{.Nope}}")
        status = await here.until_state(TaskState.REJECTED)
        assert status.err.startswith("expanding hostname failed: template: expansion:1:2")


async def test_a_container_that_will_not_start_fails_the_task() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        fake.start_error = "driver failed programming external connectivity"
        await here.task()
        status = await here.until_state(TaskState.FAILED)
        assert status.err == "starting container failed: driver failed programming external connectivity"
        assert (status.message, status.exit_code) == ("starting", 128)
        assert status.container_id == fake.boxes[NAME].id


async def test_a_secret_that_is_gone_fails_the_start() -> None:
    async with stage() as here:
        secret = {"SecretID": "s1", "SecretName": "s", "File": {"Name": "s", "UID": "0", "GID": "0"}}
        await here.task(Secrets=[secret])
        status = await here.until_state(TaskState.FAILED)
        words = "starting container failed: unable to get secret from secret store: secret s1 not found"
        assert status.err == words


async def test_the_exit_code_decides_between_complete_and_failed() -> None:
    async with stage() as here:
        await here.task("good", Args=["true"])
        await here.task("bad", Args=["sh", "-c", "exit 3"])
        good = await here.until_state(TaskState.COMPLETE, "good")
        bad = await here.until_state(TaskState.FAILED, "bad")
        assert (good.message, good.err, good.exit_code) == ("finished", "", 0)
        assert (bad.message, bad.err, bad.exit_code) == ("starting", "task: non-zero exit (3)", 3)


async def test_a_running_container_that_ends_is_noticed() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        await here.task()
        await here.until_state(TaskState.RUNNING)
        fake.end(NAME, 2)
        status = await here.until_state(TaskState.FAILED)
        assert (status.message, status.err) == ("started", "task: non-zero exit (2)")
        assert not done(here.calls, "stop", "drain")


async def test_the_engines_word_of_an_end_is_enough() -> None:
    """To look at a container that has just died waits, on a real engine, until it has cleared up."""

    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        await here.task()
        await here.until_state(TaskState.RUNNING)
        fake.inspect_s = 3600.0
        fake.starve(NAME)
        fake.end(NAME, 137)
        status = await here.until_state(TaskState.FAILED)
        assert status.err == "task: non-zero exit (137): out of memory"


async def test_a_container_that_was_restarted_from_outside_ends_its_task_and_is_stopped() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        await here.task()
        await here.until_state(TaskState.RUNNING)
        fake.end(NAME, 143)
        await fake.start_container(NAME)
        status = await here.until_state(TaskState.FAILED)
        assert status.err == "task: non-zero exit (143)"
        await here.until(lambda: not fake.boxes[NAME].running)
        assert done(here.calls, "withdrawn", "stop") == ["withdrawn t1", f"stop {NAME} 10"]


async def test_a_container_removed_from_outside_is_told_by_its_exit_code() -> None:
    async with stage() as here:
        await here.task()
        await here.until_state(TaskState.RUNNING)
        await here.engine.remove_container(NAME)
        assert (await here.until_state(TaskState.FAILED)).err == "task: non-zero exit (137)"


async def test_what_happened_while_the_events_were_away_is_found_out() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        await here.task()
        await here.task("t2")
        await here.until_state(TaskState.RUNNING)
        await here.until_state(TaskState.RUNNING, "t2")
        fake.lose(NAME)
        fake.break_events()
        assert (await here.until_state(TaskState.FAILED)).err == f"container {NAME} is gone"
        assert here.row("t2").status.state == TaskState.RUNNING


async def test_an_event_that_the_engine_dropped_is_not_missed_for_ever() -> None:
    async with stage(resync_s=0.05) as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        await here.task()
        await here.until_state(TaskState.RUNNING)
        fake.lose(NAME)
        assert (await here.until_state(TaskState.FAILED)).err == f"container {NAME} is gone"


async def test_the_container_of_a_task_that_has_ended_does_not_run_on() -> None:
    async with stage(resync_s=0.05) as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        await here.task()
        await here.until_state(TaskState.RUNNING)
        fake.end(NAME, 1)
        await here.until_state(TaskState.FAILED)
        await fake.start_container(NAME)
        await here.until(lambda: not fake.boxes[NAME].running)


async def test_a_removed_task_disappears_with_its_container_and_its_row() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        await here.task()
        await here.task("t2", Args=["true"])
        await here.until_state(TaskState.RUNNING)
        await here.until_state(TaskState.COMPLETE, "t2")
        await here.want("t1", TaskState.REMOVE)
        await here.want("t2", TaskState.REMOVE)
        await here.until(lambda: not here.store.view.tasks)
        assert not fake.boxes
        verbs = done(here.calls, "withdrawn", "drain", "stop", "remove")
        assert [call for call in verbs if "t1" in call][:5] == [
            "withdrawn t1",
            "drain t1",
            f"stop {NAME} 10",
            "withdrawn t1",
            f"remove {NAME}",
        ]


async def test_a_job_that_is_wanted_complete_runs_to_its_end() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        await here.task(desired=TaskState.COMPLETE)
        await here.until_state(TaskState.RUNNING)
        fake.end(NAME, 0)
        await here.until_state(TaskState.COMPLETE)


async def test_a_task_that_the_node_no_longer_suits_ends_as_rejected() -> None:
    async with stage() as here:
        task = await here.task()
        await here.until_state(TaskState.RUNNING)
        told = replace(here.row(), desired=TaskState.SHUTDOWN, evicted="no longer")
        await here.put(told)
        status = await here.until_state(TaskState.REJECTED)
        assert (task.id, status.err) == ("t1", "no longer")
        assert here.calls.index("withdrawn t1") < here.calls.index(f"stop {NAME} 10")


async def test_an_engine_that_is_away_only_delays() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        fake.down = True
        await here.task()
        await asyncio.sleep(0.15)
        assert here.row().status.state == TaskState.ASSIGNED
        fake.down = False
        await here.until_state(TaskState.RUNNING)


async def test_many_tasks_share_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is reported while a commit is under way is in the next one."""
    asked: set[str] = set()
    edit = Reporter.edit

    async def noted(self: Reporter, task_id: str, how: Edit) -> Task | None:
        asked.add(task_id)
        return await edit(self, task_id, how)

    monkeypatch.setattr(Reporter, "edit", noted)
    rows = [
        replace(
            new_task(f"t{number}", TaskState.RUNNING, {}),
            attachments=(Attachment(NETWORK.id, reserved=f"10.0.1.{10 + number}"),),
        )
        for number in range(20)
    ]
    tasks = {row.id for row in rows}
    async with stage(running=False) as here:
        await here.put(*rows)
        before = len(here.memory.commits)
        with here.memory.held():
            await here.start()
            await here.until(lambda: asked == tasks, 60)
        for key in tasks:
            await here.until_state(TaskState.RUNNING, key, 60)
        first, second = here.memory.commits[before : before + 2]
        assert {change.object.id for change in (*first, *second)} == tasks


async def test_two_networks_are_joined_in_the_tasks_own_order() -> None:
    async with stage() as here:
        second = Network("a" * 25, "back", {"Name": "back"}, "10.0.2.0/24", "10.0.2.1", "10.0.2.254")
        await here.put(second)
        await here.engine.create_network({"Name": second.engine_name})
        task = await here.task("later", desired=TaskState.SHUTDOWN)
        both = (*task.attachments, Attachment(second.id))
        await here.put(replace(task, id="t1", desired=TaskState.RUNNING, attachments=both))
        await here.until_state(TaskState.RUNNING)
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        networks = fake.boxes[NAME].networks
        assert list(networks) == [NETWORK.engine_name, second.engine_name]
        assert [one.address for one in here.row().attachments] == list(networks.values())


async def test_what_was_still_open_is_told_in_the_status() -> None:
    async with stage() as here:
        here.traffic.left_open = True
        await here.task()
        await here.until_state(TaskState.RUNNING)
        await here.want("t1", TaskState.SHUTDOWN)
        status = await here.until_state(TaskState.SHUTDOWN)
        assert status.words == "shutdown, drained in 7 ms: 0 idle closed, 2 still open"
