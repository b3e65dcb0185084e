"""The states of a task: ranks that only rise, and who may write which step.

The numbers are swarmkit's, so that "beyond running" is a comparison here as it is there.
"""

from __future__ import annotations

from enum import IntEnum


class TaskState(IntEnum):
    """Observed and desired states share one scale."""

    NEW = 0
    PENDING = 64
    ASSIGNED = 192
    ACCEPTED = 256
    PREPARING = 320
    READY = 384
    STARTING = 448
    RUNNING = 512
    COMPLETE = 576
    SHUTDOWN = 640
    FAILED = 704
    REJECTED = 768
    REMOVE = 800
    ORPHANED = 832

    @property
    def word(self) -> str:
        """The state as the wire writes it."""
        return self.name.lower()

    @property
    def terminal(self) -> bool:
        """Whether nothing of the task runs any more."""
        return self > TaskState.RUNNING


STATES_BY_WORD = {state.word: state for state in TaskState}

# Which of skerry's parts may move a task out of a state; the store's tests hold every commit to it.
# The scheduler belongs to the orchestrator: on one node it is one more question of the same pass.
OWNERS: dict[TaskState, str] = {
    TaskState.NEW: "orchestrator",
    TaskState.PENDING: "orchestrator",
    TaskState.ASSIGNED: "agent",
    TaskState.ACCEPTED: "agent",
    TaskState.PREPARING: "agent",
    TaskState.READY: "agent",
    TaskState.STARTING: "agent",
    TaskState.RUNNING: "agent",
}
