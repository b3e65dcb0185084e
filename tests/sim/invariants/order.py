"""Stacks: nothing starts before what it needs, and a release that is taken back leaves nothing of itself."""

from __future__ import annotations

from collections.abc import Iterator

from skerry.core.view import View
from skerry.model.objects import Service, Task
from skerry.model.releases import Release, ReleasedService
from skerry.model.states import TaskState
from tests.sim.invariants.step import Step, constraints_met, dirty, spec_of

ON_THEIR_WAY = ("rolling", "rolling back", "failed")


def unmet(view: View, service: Service) -> list[str]:
    """What a service depends on and that is not there; told here without the core's help."""
    found = []
    for entry in filter(None, spec_of(service).labels.get("skerry.depends_on", "").split(", ")):
        name, condition = entry.split(":")
        stack = spec_of(service).labels.get("com.docker.stack.namespace", "")
        whole = f"{stack}_{name}" if stack else name
        target = next((one for one in view.services.values() if one.name == whole), None)
        if target is None or not _holds(view, target, condition):
            found.append(f"{whole} is not {condition}")
    return found


def _holds(view: View, target: Service, condition: str) -> bool:
    tasks = [task for task in view.tasks_of(target.id) if task.desired < TaskState.REMOVE]
    if target.is_job:
        run = [task for task in tasks if task.job_iteration == target.job_iteration]
        done = {task.slot for task in run if task.status.state == TaskState.COMPLETE}
        total = _total(view, target)
        if condition == "completed":
            return len(done) >= total
        return not total or any(task.status.state >= TaskState.STARTING for task in run)
    ready = {
        task.slot
        for task in tasks
        if task.live and task.status.state == TaskState.RUNNING and not dirty(view, target, task)
    }
    wanted = _total(view, target)
    if condition == "healthy":
        return len(ready) >= (wanted if part_of(view, target) is not None else min(wanted, 1))
    return not wanted or any(_has_started(task) for task in tasks if not dirty(view, target, task))


def _has_started(task: Task) -> bool:
    state = task.status.state
    if state == TaskState.STARTING:
        return task.status.pid > 0
    return state in (TaskState.RUNNING, TaskState.COMPLETE)


def waits_for_its_turn(view: View, service: Service) -> bool:
    """Whether a release that is under way has changed a service that stays what it was so far."""
    part = part_of(view, service)
    turn = part is not None and part.action == "rolled" and part.before > 0 and service.update is None
    turn = turn and part is not None and (part.stopped is None or _has_stale(view, service))
    return turn and (bool(unmet(view, service)) or _is_taken_back(view, service))


def _has_stale(view: View, service: Service) -> bool:
    return any(task.live and task.spec_version != service.spec_version for task in view.tasks_of(service.id))


def _is_taken_back(view: View, service: Service) -> bool:
    stack = spec_of(service).labels.get("com.docker.stack.namespace", "")
    return any(one.outcome.state == "rolling back" for one in view.releases.values() if one.stack == stack)


def _total(view: View, service: Service) -> int:
    mode = spec_of(service).mode
    if mode.replicated_job is not None:
        return mode.replicated_job.total_completions or 0
    if mode.is_global:
        assert view.node is not None
        fits = constraints_met(spec_of(service).task_template.placement, view.node)
        return int(fits and view.node.availability != "drain")
    return mode.replicated.replicas if mode.replicated is not None else 1


def part_of(view: View, service: Service) -> ReleasedService | None:
    """What the last release changed about a service, and nobody since, while it is not over."""
    stack = spec_of(service).labels.get("com.docker.stack.namespace", "")
    mine = [release for release in view.releases.values() if release.stack == stack]
    last = max(mine, key=lambda release: release.number, default=None)
    if last is None or last.outcome.state not in ON_THEIR_WAY:
        return None
    for part in last.services:
        if part.id == service.id and part.action != "unchanged":
            return part if part.spec_version == service.spec_version else None
    return None


def nothing_starts_before_what_it_needs(step: Step) -> Iterator[str]:
    """Of a service of which nothing runs, no task may start while what it depends on is missing."""
    for old, new in step.written:
        rises = new.desired > TaskState.READY and (old is None or old.desired <= TaskState.READY)
        service = step.before.services.get(new.service_id)
        if not (rises and new.live and service is not None and not new.update_started_at):
            continue
        if waits_for_its_turn(step.before, service):
            continue  # it is what it was, and so is what that needs
        if not any(_runs(task) for task in step.before.tasks_of(service.id)):
            yield from (f"{new.name} may start, and {words}" for words in unmet(step.before, service))


def _runs(task: Task) -> bool:
    return task.live and task.status.state == TaskState.RUNNING


def nobody_is_rolled_before_its_turn(step: Step) -> Iterator[str]:
    """A release rolls no service while what it depends on has not been rolled."""
    for old, new in step.services:
        begins = old is not None and old.update is None and new.update is not None
        if not begins or step.writer != "orchestrator" or old is None:
            continue
        part = part_of(step.before, old)
        if part is not None and part.action == "rolled" and part.before:
            yield from (f"{new.name} is rolled, and {words}" for words in unmet(step.before, old))


def what_is_taken_back_is_gone(step: Step) -> Iterator[str]:
    """Of a release that was taken back no service is left as it made it."""
    for change in step.changes:
        release = change.new
        if not isinstance(release, Release) or release.outcome.state != "rolled back":
            continue
        for part in release.services:
            service = step.after.services.get(part.id)
            changed = part.action not in ("unchanged", "removed", "started")
            if changed and service is not None and service.spec_version == part.spec_version:
                yield f"{part.name} is still as release {release.number} has it"


INVARIANTS = [
    nothing_starts_before_what_it_needs,
    nobody_is_rolled_before_its_turn,
    what_is_taken_back_is_gone,
]
