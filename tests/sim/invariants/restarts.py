"""Restarts: one invariant for each field of RestartPolicy."""

from __future__ import annotations

from collections.abc import Iterator

from skerry.model.objects import Task
from skerry.model.states import TaskState
from tests.sim.invariants.order import waits_for_its_turn
from tests.sim.invariants.step import Step, policy_of
from tests.sim.past import Life

ENDED_BY_ITSELF = (TaskState.COMPLETE, TaskState.FAILED, TaskState.REJECTED)


def restarted(step: Step) -> Iterator[tuple[Life, Life]]:
    """The tasks made in this commit to follow one that ended by itself: (ended, successor). Of a service that
    waits for its turn in a release it is the policy of before that says how, at which nobody looks here."""
    for old, new in step.written:
        if old is None and not new.update_started_at and step.writer == "orchestrator":
            life = step.past.lives[new.id]
            if life.service is not None and waits_for_its_turn(step.before, life.service):
                continue
            before = step.past.lives.get(life.followed)
            if before is None or before.task.job_iteration != new.job_iteration:
                continue
            if _still_there(step, before.task):
                last = step.past.lives[before.task.id].last
                if last.status.state in ENDED_BY_ITSELF:
                    yield before, life


def _still_there(step: Step, task: Task) -> bool:
    """Whether the slot was wanted until now: its last task was, and nobody gave it up."""
    row = step.before.tasks.get(task.id)
    return row is not None and row.live


def condition(step: Step) -> Iterator[str]:
    """What ended is followed only as `Condition` allows: never, after a failure, or always."""
    for before, life in restarted(step):
        assert life.service is not None
        wanted = policy_of(life.service).condition
        state = before.last.status.state
        if wanted == "none" or (wanted == "on-failure" and state == TaskState.COMPLETE):
            yield f"{life.task.name} follows {before.task.name}, {state.word}, under {wanted}"


def delay(step: Step) -> Iterator[str]:
    """The successor of a task that ended by itself starts no earlier than `Delay` after that end."""
    for old, new in step.written:
        starts = new.status.state >= TaskState.STARTING and not new.status.state.terminal
        if not starts or (old is not None and old.status.state >= TaskState.STARTING):
            continue
        life = step.past.lives[new.id]
        before = step.past.lives.get(life.followed)
        if before is None or life.service is None or new.update_started_at or not new.start_after:
            continue
        end = before.reached.get(before.last.status.state)
        if not before.by_itself or end is None or end > life.made_at:
            continue  # of several in a slot another one had ended, for which it was made
        if step.at < end + policy_of(life.service).delay:
            yield f"{new.name} started {(step.at - end) / 1e9:.3f} s after the end of {before.task.name}"


def every_restart_has_a_delay(step: Step) -> Iterator[str]:
    """A task made to follow one that ended by itself waits for an instant, if the policy has a delay."""
    for before, life in restarted(step):
        assert life.service is not None
        due = before.last.status.at + policy_of(life.service).delay
        if life.task.start_after < due:
            yield f"{life.task.name} may start {due - life.task.start_after} ns too early"


def max_attempts(step: Step) -> Iterator[str]:
    """A slot sees at most `MaxAttempts` restarts of one spec (0: any number), counted within `Window`."""
    for _, life in restarted(step):
        assert life.service is not None
        policy = policy_of(life.service)
        if not policy.max_attempts:
            continue
        runs = 0
        for other in reversed(step.past.of_slot(life.task)):
            if other.last.spec_version != life.task.spec_version:
                break  # or a later update to a spec that leaves tasks as they are took it over
            if not policy.window or life.made_at - other.made_at < policy.window:
                runs += 1
            if not other.task.start_after:
                break  # made by an update, or for a new slot: the first of a row
        if runs > policy.max_attempts + 1:
            yield f"{life.task.name} is run {runs} of its slot, {policy.max_attempts + 1} are allowed"


INVARIANTS = [condition, delay, every_restart_has_a_delay, max_attempts]
