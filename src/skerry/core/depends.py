"""Order among services: what one waits for before its tasks start.

It holds whenever nothing of a service runs: at its first deploy, after a reboot, after a loss of all its
tasks. One that serves is held up by another in a release alone (`core.turn`), and goes on as it is meanwhile.
Everything is read from the rows, so it holds across crashes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from skerry.core.draft import Draft
from skerry.core.parts import is_taken_back, part_of, stack_of
from skerry.core.replace import WAITS
from skerry.core.standing import has_started, made_as_asked, standing
from skerry.core.view import View
from skerry.model import labels
from skerry.model.dependencies import COMPLETED, HEALTHY, STARTED, Dependency, read_dependencies
from skerry.model.objects import Service, Task
from skerry.model.states import TaskState

_GOALS = {STARTED: "to start", HEALTHY: "to be healthy", COMPLETED: "to complete"}


@dataclass(frozen=True)
class Wait:
    """A service that another one waits for, and until when, in words."""

    service: str
    words: str


def dependencies(service: Service) -> tuple[Dependency, ...]:
    """What a service depends on."""
    return dependencies_in(service.spec.typed.labels.get(labels.DEPENDS_ON, ""))


def dependencies_in(text: str) -> tuple[Dependency, ...]:
    """What a label says. One that means nothing, from before it was known, is as if absent."""
    try:
        return read_dependencies(text) if text else ()
    except ValueError:
        return ()


def whole_name(stack: str, dependency: Dependency) -> str:
    """What a service that is named in a dependency is called in the swarm: it is one of the same stack."""
    return f"{stack}_{dependency.service}" if stack else dependency.service


def needed(view: View, service: Service) -> Iterator[tuple[Dependency, Service | None]]:
    """The dependencies of a service, each with whom it means, if there is one."""
    for dependency in dependencies(service):
        yield dependency, view.service_named(whole_name(stack_of(service), dependency))


def in_order(stack: str, labels_of: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Names of services by their labels, those first that others depend on."""
    ordered: dict[str, None] = {}
    entered: set[str] = set()

    def enter(name: str) -> None:
        if name in entered:
            return
        entered.add(name)
        for dependency in dependencies_in(labels_of[name].get(labels.DEPENDS_ON, "")):
            target = whole_name(stack, dependency)
            if target in labels_of:
                enter(target)
        ordered[name] = None

    for name in sorted(labels_of):
        enter(name)
    return list(ordered)


def cycle(view: View, service: Service) -> list[str]:
    """The names on a way by dependencies from a service back to itself, or []."""
    visited: set[str] = set()
    ways = [[service]]
    while ways:
        way = ways.pop()
        for _, target in needed(view, way[-1]):
            if target is not None and target.id == service.id:
                return [step.name for step in (*way, target)]
            if target is not None and target.id not in visited:
                visited.add(target.id)
                ways.append([*way, target])
    return []


def waits(view: View, service: Service) -> tuple[Wait, ...]:
    """What a service depends on and that is not there yet. What has not begun never begins once its release
    is being taken back."""
    if is_taken_back(view, service):
        return (Wait(service.name, f"{WAITS}its release to be taken back"),)
    unmet = []
    for dependency, target in needed(view, service):
        if target is None:
            if dependency.required:
                name = whole_name(stack_of(service), dependency)
                unmet.append(Wait(name, f"{WAITS}{name}, which does not exist"))
        elif not _met(view, target, dependency):
            goal = f" {_GOALS[dependency.condition]}" if target.stopped is None else ", which is stopped"
            unmet.append(Wait(target.name, f"{WAITS}{target.name}{goal}"))
    return tuple(unmet)


def _met(view: View, target: Service, dependency: Dependency) -> bool:
    """Whether a condition holds of a service."""
    stands = standing(view, target)
    if not dependency.required and _is_lost(view, target):
        return True
    if dependency.condition == COMPLETED:
        return stands.full if target.is_job else _has_ended(view, target, stands.wanted)
    if dependency.condition == HEALTHY and not target.is_job:
        # once it is rolled, one is enough: a replica that is lost keeps nobody else from starting
        rolls = part_of(view, target) is not None
        return stands.ready >= (stands.wanted if rolls else min(1, stands.wanted))
    return not stands.wanted or stands.full or has_started(made_as_asked(view, target))


def _has_ended(view: View, target: Service, wanted: int) -> bool:
    """Whether every place of a service that is no job has run to its end, without an error."""
    last = {task.slot: task for task in view.tasks_of(target.id) if task.spec_version == target.spec_version}
    return sum(task.status.state == TaskState.COMPLETE for task in last.values()) >= wanted


def _is_lost(view: View, target: Service) -> bool:
    """Whether a service has come to nothing: its update has halted, or nothing of it is wanted any more."""
    if target.update is not None and "paused" in target.update.state:
        return True
    tasks = view.tasks_of(target.id)
    return bool(tasks) and not any(task.live for task in tasks)


def look(draft: Draft) -> None:
    """Have a pass know what the service's tasks wait for."""
    if not dependencies(draft.service) or any(map(_serves, draft.tasks.values())):
        return
    draft.in_order = True
    draft.waits = say(draft, waits(draft.view, draft.service))


def say(draft: Draft, unmet: tuple[Wait, ...]) -> str:
    """Have a pass say what is waited for, and be asked again when that changes; the words."""
    draft.awaited = tuple(dict.fromkeys((*draft.awaited, *(wait.service for wait in unmet))))
    words = ", ".join(wait.words for wait in unmet)
    if words:
        draft.say(words)
    return words


def _serves(task: Task) -> bool:
    return task.live and task.status.state == TaskState.RUNNING
