"""Rows of a former skerry, which lack what came later."""

from __future__ import annotations

import json

from msgspec.structs import replace

from skerry.model.drain import DrainOutcome
from skerry.model.objects import Task, TaskStatus
from skerry.model.states import TaskState
from skerry.store.rows import Specs, decode, encode
from tests.support.specs import of_task

KEY = b"k" * 32
STOPPED = TaskStatus(TaskState.SHUTDOWN, 2, "shutdown")
TASK = Task("t", "s", "web", "n", of_task({}), None, 1, TaskState.SHUTDOWN, STOPPED, 1)


def test_how_a_task_was_drained_is_stored_with_it() -> None:
    task = replace(TASK, status=replace(STOPPED, drain=DrainOutcome(open=2, waited=7_000_000, closed_idle=1)))
    assert decode("task", "t", encode(task, KEY), KEY, Specs()) == task
    assert task.status.words == "shutdown, drained in 7 ms: 1 idle closed, 2 still open"


def test_a_row_from_before_that_has_none() -> None:
    fields = json.loads(encode(TASK, KEY))
    del fields["status"]["drain"]
    assert decode("task", "t", json.dumps(fields), KEY, Specs()) == TASK
    assert TASK.status.words == "shutdown"
