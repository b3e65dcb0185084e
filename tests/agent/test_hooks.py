"""Hooks of a task: run after its start, before its stop, and what comes of one that fails."""

from __future__ import annotations

import json
from typing import Any

import pytest

from skerry.core.why.ends import of_end
from skerry.model import labels
from skerry.model.hooks import POST_START, PRE_STOP, Hook, read_hooks
from skerry.model.states import TaskState
from tests.agent.stage import Stage, done, stage
from tests.engine.fake import FakeEngine

NAME = "web.1.t1"


def hook(*command: str, **more: Any) -> dict[str, Any]:
    """One hook as a label has it."""
    return {"command": list(command), **more}


def written(name: str, *hooks: dict[str, Any]) -> dict[str, str]:
    """The label that has these hooks."""
    return {name: json.dumps(hooks)}


def fake(here: Stage) -> FakeEngine:
    """The engine of a stage."""
    assert isinstance(here.engine, FakeEngine)
    return here.engine


async def test_they_run_one_after_another_and_the_task_is_ready_after_them() -> None:
    async with stage() as here:
        first = hook(
            "touch", "/a", user="root", privileged=True, working_dir="/srv", environment={"A": "1", "B": ""}
        )
        await here.task(Labels=written(POST_START, first, hook("true")))
        await here.until_state(TaskState.RUNNING)
        assert fake(here).executed == [
            (["touch", "/a"], "root", {"Privileged": True, "WorkingDir": "/srv", "Env": ["A=1", "B="]}),
            (["true"], "", {}),
        ]
        assert done(here.calls, "start", "exec") == [f"start {NAME}", f"exec {NAME}", f"exec {NAME}"]


async def test_one_that_fails_fails_the_task_and_is_told() -> None:
    async with stage() as here:
        await here.task(Labels=written(POST_START, hook("sh", "-c", "echo nope; exit 3"), hook("true")))
        status = await here.until_state(TaskState.FAILED)
        assert status.err.endswith("post_start hook failed: sh -c echo nope; exit 3: exit code 3: nope")
        assert len(fake(here).executed) == 1
        assert done(here.calls, "stop") == [f"stop {NAME} 10"]
        cause = of_end(here.row(), ())
        assert cause.kind == "hook"
        assert cause.sentence == "its post_start hook failed: sh -c echo nope; exit 3: exit code 3: nope"


async def test_one_that_does_not_end_is_ended_with_the_time_of_an_update() -> None:
    async with stage() as here:
        own = written(POST_START, hook("sleep", "100"))
        task = await here.task(Labels=own)
        assert not done(here.calls, "stop")
        assert task.status.state < TaskState.RUNNING
        await here.until(lambda: bool(fake(here).executed))
        await here.want("t1", TaskState.SHUTDOWN)
        await here.until_state(TaskState.SHUTDOWN)


async def test_a_container_that_ends_meanwhile_is_not_waited_for() -> None:
    async with stage() as here:
        await here.task(Labels=written(POST_START, hook("sleep", "100")))
        await here.until(lambda: bool(fake(here).executed))
        fake(here).end(NAME, 7)
        status = await here.until_state(TaskState.FAILED)
        assert status.exit_code == 7


async def test_they_are_run_again_where_nobody_saw_their_end() -> None:
    async with stage() as here:
        await here.task(Labels=written(POST_START, hook("sleep", "100")))
        await here.until(lambda: bool(fake(here).executed))
        await here.crash()
        await here.start()
        await here.until(lambda: len(fake(here).executed) == 2)
        assert done(here.calls, "start") == [f"start {NAME}"]


async def test_before_the_stop_they_run_once_nobody_asks_it_any_more() -> None:
    async with stage() as here:
        await here.task(Labels=written(PRE_STOP, hook("true"), hook("false"), hook("true")))
        await here.until_state(TaskState.RUNNING)
        assert not fake(here).executed
        await here.want("t1", TaskState.SHUTDOWN)
        await here.until_state(TaskState.SHUTDOWN)
        verbs = done(here.calls, "drain", "exec", "stop")
        assert verbs == ["drain t1", *[f"exec {NAME}"] * 3, f"stop {NAME} 10"]


async def test_they_have_the_grace_period_all_together() -> None:
    async with stage() as here:
        await here.task(
            StopGracePeriod=200_000_000, Labels=written(PRE_STOP, hook("sleep", "100"), hook("sleep", "100"))
        )
        await here.until_state(TaskState.RUNNING)
        await here.want("t1", TaskState.SHUTDOWN)
        await here.until_state(TaskState.SHUTDOWN)
        assert len(fake(here).executed) == 2


async def test_a_container_that_ends_by_itself_has_none_before_its_end() -> None:
    async with stage() as here:
        await here.task(Labels=written(PRE_STOP, hook("true")))
        await here.until_state(TaskState.RUNNING)
        fake(here).end(NAME, 0)
        await here.until_state(TaskState.COMPLETE)
        assert not fake(here).executed


def test_what_a_label_says() -> None:
    assert read_hooks('[{"command": ["a", "b"], "user": "x"}]') == [Hook(["a", "b"], user="x")]
    assert labels.read({}, POST_START) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[", "is no array of hooks in JSON"),
        ('{"command": ["a"]}', "is no array of hooks in JSON"),
        ('[{"command": "a"}]', "is no array of hooks in JSON"),
        ('[{"command": ["a"], "usr": "x"}]', "is no array of hooks in JSON"),
        ('[{"command": []}]', "a hook has no command"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^label {POST_START}: .*{why}"):
        labels.check_container({POST_START: text})


def test_on_a_service_it_would_steer_nothing() -> None:
    with pytest.raises(ValueError, match="is one of the containers"):
        labels.check({POST_START: "[]"})
