"""The ladder, and what an inspected container means, as tables."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skerry.agent.actor import grace_s
from skerry.agent.observe import UNHEALTHY_CAUSE, end_of
from skerry.agent.report import advance
from skerry.agent.step import Step, next_step
from skerry.model.states import TaskState
from tests.agent.stage import new_task

S = TaskState


@pytest.mark.parametrize(
    ("state", "desired", "step"),
    [
        (S.NEW, S.RUNNING, Step.REST),
        (S.PENDING, S.SHUTDOWN, Step.REST),
        (S.PENDING, S.REMOVE, Step.REMOVE),
        (S.ASSIGNED, S.READY, Step.PREPARE),
        (S.PREPARING, S.RUNNING, Step.PREPARE),
        (S.PREPARING, S.SHUTDOWN, Step.STOP),
        (S.READY, S.READY, Step.AWAIT),
        (S.READY, S.RUNNING, Step.START),
        (S.READY, S.COMPLETE, Step.START),
        (S.READY, S.REMOVE, Step.STOP),
        (S.STARTING, S.RUNNING, Step.START),
        (S.STARTING, S.SHUTDOWN, Step.STOP),
        (S.RUNNING, S.RUNNING, Step.WATCH),
        (S.RUNNING, S.COMPLETE, Step.WATCH),
        (S.RUNNING, S.SHUTDOWN, Step.STOP),
        (S.COMPLETE, S.RUNNING, Step.REST),
        (S.FAILED, S.SHUTDOWN, Step.REST),
        (S.REJECTED, S.REMOVE, Step.REMOVE),
        (S.ORPHANED, S.REMOVE, Step.REMOVE),
    ],
)
def test_the_next_step(state: TaskState, desired: TaskState, step: Step) -> None:
    task = new_task("t1", desired, {})
    assert next_step(replace(task, status=replace(task.status, state=state))) is step


def test_a_row_that_is_gone_is_cleared() -> None:
    assert next_step(None) is Step.CLEAR


@pytest.mark.parametrize(
    ("state", "died", "cause", "comes_to", "err"),
    [
        (None, None, "", S.FAILED, "container web.1.t1 is gone"),
        (None, 0, "", S.COMPLETE, ""),
        (None, 5, "", S.FAILED, "task: non-zero exit (5)"),
        ({"ExitCode": 0}, None, "", S.COMPLETE, ""),
        ({"ExitCode": 1}, None, "", S.FAILED, "task: non-zero exit (1)"),
        ({"ExitCode": 1, "Error": "x"}, 1, "", S.FAILED, "task: non-zero exit (1): x"),
        ({"ExitCode": 137, "OOMKilled": True}, 137, "", S.FAILED, "task: non-zero exit (137): out of memory"),
        (
            {"ExitCode": 0},
            0,
            UNHEALTHY_CAUSE,
            S.FAILED,
            "task: non-zero exit (0): dockerexec: unhealthy container",
        ),
        ({"ExitCode": 0, "Running": True}, 143, "", S.FAILED, "task: non-zero exit (143)"),
        ({"ExitCode": 0, "Running": True}, 0, "", S.COMPLETE, ""),
    ],
)
def test_how_a_task_ended(
    state: dict[str, Any] | None, died: int | None, cause: str, comes_to: TaskState, err: str
) -> None:
    seen = {"State": {"Running": False, **state}} if state is not None else None
    end = end_of(new_task("t1", S.RUNNING, {}), seen, died, cause)
    assert (end.state, end.err) == (comes_to, err)


def test_states_only_rise_and_what_has_ended_stays() -> None:
    task = advance(new_task("t1", S.RUNNING, {}), S.RUNNING, 5)
    assert (task.status.at, task.status.message, task.running_at) == (5, "started", 5)
    assert advance(task, S.STARTING, 6) is task
    assert advance(task, S.RUNNING, 6) is task
    ended = advance(task, S.SHUTDOWN, 7, exit_code=0)
    assert advance(ended, S.FAILED, 8, err="late") is ended
    failed = advance(task, S.FAILED, 9, err="why")
    assert (failed.status.message, failed.status.err, failed.running_at) == ("started", "why", 5)


@pytest.mark.parametrize(
    ("given", "seconds"), [({}, 10), ({"StopGracePeriod": 0}, 0), ({"StopGracePeriod": 1_999_999_999}, 1)]
)
def test_the_grace_period_is_in_whole_seconds(given: dict[str, int], seconds: int) -> None:
    assert grace_s(new_task("t1", S.RUNNING, given)) == seconds
