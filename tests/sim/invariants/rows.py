"""Rows: ranks that only rise, each step by its owner, versions that grow."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from skerry.core.revisions import previous_spec
from skerry.model.objects import Service
from skerry.model.states import OWNERS, TaskState
from tests.sim.invariants.step import Step
from tests.sim.who import SETTLING

CONTROL = "control"
ORCHESTRATOR = "orchestrator"


def states_never_fall(step: Step) -> Iterator[str]:
    """A task's state never falls."""
    for old, new in step.written:
        if old is not None and new.status.state < old.status.state:
            yield f"{new.name} went from {old.status.state.word} to {new.status.state.word}"


def desired_states_never_fall(step: Step) -> Iterator[str]:
    """A task's desired state never falls."""
    for old, new in step.written:
        if old is not None and new.desired < old.desired:
            yield f"{new.name} went from {old.desired.word} to {new.desired.word}"


def each_step_is_its_owners(step: Step) -> Iterator[str]:
    """Who may move a task out of a state is told by OWNERS; tasks are made by the orchestrator alone."""
    for old, new in step.written:
        if old is None:
            if step.writer != ORCHESTRATOR:
                yield f"{new.name} was made by {step.writer}"
        elif new.status.state != old.status.state and OWNERS.get(old.status.state) != step.writer:
            yield f"{step.writer} moved {new.name} from {old.status.state.word} to {new.status.state.word}"


def desired_states_are_the_orchestrators(step: Step) -> Iterator[str]:
    """Desired states are raised by the orchestrator, and by control where it removes a service."""
    for old, new in step.written:
        if old is None or old.desired == new.desired or step.writer == ORCHESTRATOR:
            continue
        if step.writer != CONTROL or new.desired != TaskState.REMOVE:
            yield f"{step.writer} wanted {new.name} to be {new.desired.word}"


def what_has_ended_stays_so(step: Step) -> Iterator[str]:
    """The status of a task that has ended never changes."""
    for old, new in step.written:
        if (
            step.writer not in ("clock", SETTLING)
            and old is not None
            and old.status.state.terminal
            and new.status != old.status
        ):
            yield f"{new.name}: {old.status} became {new.status}"


def rows_go_when_all_is_over(step: Step) -> Iterator[str]:
    """A task's row goes only when the task has ended, or never began."""
    for task in step.deleted:
        if TaskState.ASSIGNED <= task.status.state <= TaskState.RUNNING:
            yield f"the row of {task.name} went while it was {task.status.state.word}"


def indexes_grow(step: Step) -> Iterator[str]:
    """The index grows by one a commit, and whatever a commit changed carries it."""
    if step.after.version != step.before.version + 1:
        yield f"index {step.before.version} was followed by {step.after.version}"
    for change in step.changes:
        if change.new is not None and change.new.version != step.after.version:
            yield f"{change.new.id} has version {change.new.version} at index {step.after.version}"


def specs_are_the_users(step: Step) -> Iterator[str]:
    """Only control writes a spec; the orchestrator may do no more than go back to the revision before."""
    for old, new in step.services:
        if old is None or old.spec == new.spec or step.writer == CONTROL:
            continue
        if not (step.writer == ORCHESTRATOR and new.spec == previous_spec(step.before, old)):
            yield f"{step.writer} wrote the spec of {new.name}"


def what_is_written_has_changed(step: Step) -> Iterator[str]:
    """No commit writes a task that is as it was."""
    for old, new in step.written:
        if old is not None and old == replace(new, version=old.version, updated_at=old.updated_at):
            yield f"{new.name} was written again as it was by {step.writer}"


def services_have_one_name(step: Step) -> Iterator[str]:
    """No two services have one name."""
    if any(isinstance(change.object, Service) for change in step.changes):
        names = [service.name.lower() for service in step.after.services.values()]
        if len(names) != len(set(names)):
            yield f"{sorted(names)}"


INVARIANTS = [
    states_never_fall,
    desired_states_never_fall,
    each_step_is_its_owners,
    desired_states_are_the_orchestrators,
    what_has_ended_stays_so,
    rows_go_when_all_is_over,
    indexes_grow,
    specs_are_the_users,
    what_is_written_has_changed,
    services_have_one_name,
]
