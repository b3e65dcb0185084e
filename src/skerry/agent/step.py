"""What a task needs next, from its row alone: the ladder of a task's life in one place."""

from __future__ import annotations

from enum import Enum

from skerry.model.objects import Task
from skerry.model.states import TaskState


class Step(Enum):
    """Each is at most a few engine operations, all of which may be done again."""

    CLEAR = "the row is gone: remove the container and the files"
    REMOVE = "it has ended and is to be removed, then its row"
    STOP = "out of the table, drain, stop"
    PREPARE = "image, files, container, networks"
    AWAIT = "prepared: wait until it may start"
    START = "start it, and wait until it is ready"
    WATCH = "it runs: wait for its end"
    REST = "nothing more"


def next_step(task: Task | None) -> Step:
    """The step of a task, or of a row that is gone (None)."""
    if task is None:
        return Step.CLEAR
    state = task.status.state
    if task.desired >= TaskState.REMOVE and (state.terminal or state < TaskState.ASSIGNED):
        return Step.REMOVE
    if state.terminal or state < TaskState.ASSIGNED:
        return Step.REST
    if task.desired >= TaskState.SHUTDOWN:
        return Step.STOP
    if state < TaskState.READY:
        return Step.PREPARE
    if state == TaskState.READY:
        return Step.START if task.desired >= TaskState.RUNNING else Step.AWAIT
    return Step.START if state == TaskState.STARTING else Step.WATCH


def has_work(task: Task) -> bool:
    """Whether a task needs an actor."""
    return next_step(task) is not Step.REST
