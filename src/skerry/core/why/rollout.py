"""Why an update was paused or turned back."""

from __future__ import annotations

from collections.abc import Collection

from skerry.core.view import View
from skerry.core.why.cause import Cause
from skerry.core.why.ends import of_end
from skerry.core.why.unready import of_check
from skerry.model.facts import Facts
from skerry.model.objects import Service, Task
from skerry.model.times import timestamp

NOT_IN_TIME = "was not ready within"


def of_update(view: View, service: Service, names: Collection[str]) -> Cause | None:
    """Why the last update of a service is paused, or was taken back; None where it was not."""
    update = service.update
    if update is None or not update.turned:
        return None
    task = view.tasks.get(update.failed_task)
    paused = "paused" in update.state
    what = "rollback" if update.state == "rollback_paused" else "update"
    outcome = "is paused" if paused else "was rolled back"
    reason = failure_of(task, update.turned, names) if task is not None else None
    sentence = f"the {what} {outcome}: " + (
        f"{task.short_name}: {reason.sentence}" if task is not None and reason is not None else update.turned
    )
    image = task.spec.typed.container_spec.image.partition("@")[0] if task is not None else ""
    evidence = (
        f"begun {timestamp(update.started_at)}, task {update.failed_task}, image {image}",
        update.turned,
    )
    return Cause(
        f"update-paused:{reason.kind}" if paused and reason else "update-paused" if paused else "rolled-back",
        sentence,
        (*evidence, *(reason.evidence if reason is not None else ())),
        _advice(service, paused=paused) + (reason.advice if reason is not None else ()),
        reason.log if reason is not None else (),
        service.name,
        past=update.state == "rollback_completed",
    )


def failure_of(task: Task, words: str, names: Collection[str]) -> Cause:
    """Why a task counted as failed in an update."""
    facts = task.facts or Facts()
    if NOT_IN_TIME in words:
        within = words.partition(NOT_IN_TIME)[2].strip()
        if facts.probe is not None:
            cause = of_check(task, facts, over=True)
            return Cause(
                "deadline",
                f"it was not ready within {within}: {cause.sentence}",
                cause.evidence,
                ("more time: label skerry.update.deadline", *cause.advice),
            )
        return Cause(
            "deadline",
            f"it was not ready within {within}",
            (task.status.err,) if task.status.err else (),
            ("more time: label skerry.update.deadline",),
        )
    return of_end(task, names)


def _advice(service: Service, *, paused: bool) -> tuple[str, ...]:
    if paused:
        return (
            f"mend it and update again: docker service update --image … {service.name}",
            f"or go back: docker service rollback {service.name}",
        )
    return (f"mend it and update again: docker service update --image … {service.name}",)
