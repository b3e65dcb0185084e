"""A release on its way: whether it has converged, has failed, and how it is taken back.

Each step is decided from the rows alone, so a daemon that was killed goes on where it was. A service fails by
its own rules: its update halts or turns back; before it ever ran, its restart policy gives it up, its tasks
crash again and again, or one does not get ready in time. An atomic release is then taken back as a whole, in
the reverse of its order: a service returns to what it was once all that depend on it have; one that had not
begun returns at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from skerry.core import restart, revisions
from skerry.core.depends import dependencies_in, whole_name
from skerry.core.draft import ROLLBACK_STARTED, UNDER_WAY
from skerry.core.standing import current, standing
from skerry.core.stopped import is_over
from skerry.core.update import COMPLETED, HALTED
from skerry.core.view import View
from skerry.model import labels
from skerry.model.defaults import MONITOR
from skerry.model.objects import Service, Task, UpdateStatus
from skerry.model.releases import (
    CONVERGED,
    FAILED,
    REMOVED,
    STARTED,
    TAKEN_BACK,
    TAKING_BACK,
    UNCHANGED,
    Failure,
    Outcome,
    Release,
    ReleasedService,
)
from skerry.model.states import TaskState
from skerry.model.times import in_words


@dataclass(frozen=True)
class ReleaseStep:
    """What is to be done next about a release; applied and asked for again, it is another one, or empty."""

    outcome: Outcome | None = None
    """How it stands from now on, where that changes."""
    restored: tuple[ReleasedService, ...] = ()
    """Those that return to what they were."""
    removed: tuple[Service, ...] = ()
    discards: bool = False
    """What the release made is needed no more."""
    wake_at: int | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return self.outcome is None and not self.restored and not self.removed


@dataclass(frozen=True)
class PartProgress:
    """How far a service of a release is."""

    done: bool = False
    failure: Failure | None = None
    wake_at: int | None = None


DONE, PENDING = PartProgress(done=True), PartProgress()


def advance(view: View, release: Release, now: int) -> ReleaseStep:
    """The next step of a release that is under way."""
    return (
        _take_back(view, release, now) if release.outcome.state == TAKING_BACK else _roll(view, release, now)
    )


# ---- on the way


def _roll(view: View, release: Release, now: int) -> ReleaseStep:
    """Whether it has failed or is done; what it removes goes at its end."""
    parts = [progress(view, part, now) for part in release.services]
    failure = next((part.failure for part in parts if part.failure is not None), None)
    if failure is not None:
        reason = f"{failure.service}: {failure.message}"
        state = TAKING_BACK if release.atomic else FAILED
        return ReleaseStep(Outcome(state, reason, failure, 0 if release.atomic else now))
    if all(part.done for part in parts):
        removed = (view.services.get(part.id) for part in release.services if part.action == REMOVED)
        return ReleaseStep(Outcome(CONVERGED, ended_at=now), removed=tuple(filter(None, removed)))
    return ReleaseStep(
        wake_at=min((part.wake_at for part in parts if part.wake_at is not None), default=None)
    )


def progress(view: View, part: ReleasedService, now: int) -> PartProgress:
    """How far one service is. What somebody has changed, stopped or removed since is not the release's any
    more."""
    service = view.services.get(part.id)
    if service is None or service.stopped is not None or part.action in (UNCHANGED, REMOVED):
        return DONE
    if service.spec_version != part.spec_version:
        if not _turned_back(service, part):
            return DONE
        assert service.update is not None
        return PartProgress(failure=_failure(view, service, part, service.update.message))
    update = service.update
    if update is not None and update.state in HALTED:
        return PartProgress(failure=_failure(view, service, part, update.message))
    if update is not None and update.state in UNDER_WAY:
        return PENDING
    goes_on = update is not None and update.state == COMPLETED and _ignores_failures(service)
    return DONE if goes_on else _settled(view, service, part, now)


def failure_of(view: View, service: Service, now: int) -> Failure | None:
    """By which task a service has failed that no release is about, as it would in one."""
    spec = ReleasedService(service.id, service.name, service.spec.raw, STARTED, service.spec_version)
    return progress(view, spec, now).failure


def _turned_back(service: Service, part: ReleasedService) -> bool:
    """Whether a service went back by itself to what it was before the release."""
    return (
        service.update is not None and service.update.state != COMPLETED and service.revision == part.before
    )


def _ignores_failures(service: Service) -> bool:
    config = service.spec.typed.update_config
    return config is not None and config.failure_action == "continue"


def _settled(view: View, service: Service, part: ReleasedService, now: int) -> PartProgress:
    """How far a service is that no update leads: one that is new, that is only scaled, or a job."""
    tasks = current(view, service)
    for failed in (_given_up(view, service), _looping(tasks), _late(service, tasks, now)):
        if failed is not None:
            return PartProgress(failure=_by_task(service, *failed))
    if not _is_full(view, service):
        deadlines = (_late_at(service, task) for task in tasks if _may_be_late(task))
        return PartProgress(wake_at=min(deadlines, default=None))
    steady = _steady_at(service, tasks)
    return DONE if service.is_job or steady <= now else PartProgress(wake_at=steady)


def _is_full(view: View, service: Service) -> bool:
    """Whether every place has a ready task, or has run to its end where nothing follows that."""
    stands = standing(view, service)
    ended = 0 if service.is_job else len(_run_out(view, service))
    return stands.ready + ended >= stands.wanted


def _run_out(view: View, service: Service) -> set[int]:
    """The places whose last task has completed, and that the restart policy leaves at that."""
    return {
        slot
        for slot, tasks in _places(view, service).items()
        if not any(task.live for task in tasks) and tasks[-1].status.state == TaskState.COMPLETE
    }


def _places(view: View, service: Service) -> dict[int, list[Task]]:
    """The tasks of the service's current spec by place, oldest first."""
    places: dict[int, list[Task]] = {}
    for task in view.tasks_of(service.id):
        tried = restart.is_try(task, service.started_at)
        of_run = task.job_iteration == service.job_iteration if service.is_job else tried
        if of_run and task.spec_version == service.spec_version and task.desired < TaskState.REMOVE:
            places.setdefault(task.slot, []).append(task)
    return places


def _given_up(view: View, service: Service) -> tuple[Task, str] | None:
    """A task that failed, and that nothing follows."""
    for tasks in _places(view, service).values():
        last = tasks[-1]
        if not any(task.live for task in tasks) and last.status.state in (
            TaskState.FAILED,
            TaskState.REJECTED,
        ):
            return last, last.status.err or last.status.message
    return None


def _looping(tasks: Iterable[Task]) -> tuple[Task, str] | None:
    """A task that follows so many failures that it counts as a crash loop."""
    for task in tasks:
        if task.streak > restart.PATIENCE and task.status.state < TaskState.RUNNING:
            return task, f"{task.streak} failures in a row"
    return None


def _late(service: Service, tasks: Iterable[Task], now: int) -> tuple[Task, str] | None:
    """A task that gets no further for as long as one of an update might take to be ready."""
    for task in tasks:
        if _may_be_late(task) and _late_at(service, task) <= now:
            why = f" ({task.status.err})" if task.status.err else ""
            return task, f"was not ready within {in_words(_deadline(service))}{why}"
    return None


def _may_be_late(task: Task) -> bool:
    """One that only waits for others to come first is not."""
    return task.status.state < TaskState.RUNNING and task.desired > TaskState.READY


def _late_at(service: Service, task: Task) -> int:
    """From when its row last changed: it may have waited for others until then."""
    return max(task.updated_at, task.start_after) + _deadline(service)


def _deadline(service: Service) -> int:
    return labels.read_duration(service.spec.typed.labels, labels.UPDATE_DEADLINE)


def _steady_at(service: Service, tasks: Iterable[Task]) -> int:
    """When its tasks will have run for as long as those of an update are watched."""
    config = service.spec.typed.update_config
    monitor = config.monitor if config is not None else MONITOR
    return max((task.running_at for task in tasks if task.running_at), default=-monitor) + monitor


def _failure(view: View, service: Service, part: ReleasedService, message: str) -> Failure:
    """The failure of a service whose update has ended so, by the last of its tasks that went wrong."""
    bad = [
        task
        for task in view.tasks_of(service.id)
        if task.spec_version == part.spec_version and task.status.state != TaskState.RUNNING
    ]
    worst = max(bad, key=_badness, default=None)
    if worst is None:
        return Failure(service.name, "", message)
    why = f" ({worst.status.err})" if worst.status.err else ""
    return Failure(service.name, worst.id, f"{message}{why}")


def _badness(task: Task) -> tuple[bool, bool, int]:
    failed = task.status.state in (TaskState.FAILED, TaskState.REJECTED)
    return failed, not task.status.state.terminal, task.status.at


def _by_task(service: Service, task: Task, message: str) -> Failure:
    return Failure(service.name, task.id, message)


# ---- the way back


def _take_back(view: View, release: Release, now: int) -> ReleaseStep:
    """Whose turn it is to return; where all have, the release is over."""
    due = [part for part in reversed(release.services) if not _is_back(view, part)]
    names = {part.name for part in due}
    turn = [part for part in due if not _begun(view, part) or not names & set(_dependents(release, part))]
    restored = tuple(part for part in turn if part.before and _is_new(view, part))
    gone = (view.services.get(part.id) for part in turn if not part.before)
    removed = tuple(service for service in gone if service is not None)
    if due:
        return ReleaseStep(restored=restored, removed=removed)
    stuck = next(filter(None, (_stuck(view, part) for part in release.services)), "")
    reason = f"{release.outcome.reason}; {stuck}" if stuck else release.outcome.reason
    state = FAILED if stuck else TAKEN_BACK
    outcome = replace(release.outcome, state=state, reason=reason, ended_at=now)
    return ReleaseStep(outcome, discards=not stuck)


def _is_back(view: View, part: ReleasedService) -> bool:
    """Whether nothing is left to do for one service: it is what it was, or was removed, or is somebody
    else's."""
    if part.action in (UNCHANGED, REMOVED):
        return True
    service = view.services.get(part.id)
    if service is None:
        return not any(not task.status.state.terminal for task in view.tasks_of(part.id))
    if service.stopped is not None and (part.action == STARTED or not _is_new(view, part)):
        return is_over(view, service)
    if service.spec_version == part.spec_version:
        return bool(part.before) and view.revision(service.id, part.before) is None
    rolls_back = service.revision == part.before and service.update is not None
    return not (rolls_back and service.update is not None and service.update.state in UNDER_WAY)


def _is_new(view: View, part: ReleasedService) -> bool:
    """Whether a service still is what the release made of it."""
    service = view.services.get(part.id)
    return service is not None and service.spec_version == part.spec_version


def _begun(view: View, part: ReleasedService) -> bool:
    """Whether a task of the release was made of it."""
    tasks = view.tasks_of(part.id)
    return part.id not in view.services or any(task.spec_version == part.spec_version for task in tasks)


def _dependents(release: Release, part: ReleasedService) -> Iterator[str]:
    """The names of those whose specs of the release depend on a service."""
    for other in release.services:
        text = other.spec.get("Labels", {}).get(labels.DEPENDS_ON, "")
        if any(whole_name(release.stack, row) == part.name for row in dependencies_in(text)):
            yield other.name


def _stuck(view: View, part: ReleasedService) -> str:
    """Why a service did not come back, in words, or ""."""
    service = view.services.get(part.id)
    if service is None or service.revision != part.before or service.update is None:
        return ""
    return f"{service.name}: {service.update.message}" if service.update.state in HALTED else ""


def restored(view: View, release: Release, part: ReleasedService, now: int) -> tuple[Service, list[Task]]:
    """A service as it was before the release, and the tasks that are to be removed: of a job those of its
    run, so that what had completed before counts again; a run that was not over is begun anew. One that was
    stopped is so again, and one that somebody has stopped since stays so."""
    service, before = view.services[part.id], view.revision(part.id, part.before)
    service = replace(service, stopped=service.stopped or part.stopped)
    if part.action == STARTED:
        return service, []
    assert before is not None
    if service.is_job:
        run = [task for task in view.tasks_of(part.id) if task.job_iteration == service.job_iteration]
        back = revisions.restored(view, service, before, None)
        iteration = service.job_iteration + 1 if part.unfinished else part.iteration_before
        return replace(back, job_iteration=iteration), run
    words = f"release {release.number} of {release.stack} is taken back"
    begun = _begun(view, part) and service.stopped is None
    update = UpdateStatus(ROLLBACK_STARTED, words, now) if begun else None
    return revisions.restored(view, service, before, update), []
