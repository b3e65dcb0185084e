"""Puts together why a task, a service or a stack is as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from skerry.core import restart
from skerry.core.draft import NOTHING_TO_DO, UNDER_WAY
from skerry.core.naming import stack_of
from skerry.core.standing import current, wanted_of
from skerry.core.stopped import command_of, is_over, manner_of
from skerry.core.view import View
from skerry.core.why.cause import Cause, Explanation
from skerry.core.why.ends import of_end
from skerry.core.why.rollout import of_update
from skerry.core.why.unplaced import of_wait, refused_ports
from skerry.core.why.unreached import of_unreached
from skerry.core.why.unready import of_check, of_silence
from skerry.core.why.words import span
from skerry.model.defaults import SECOND
from skerry.model.facts import Facts
from skerry.model.objects import Note, Service, Task
from skerry.model.states import TaskState

MEASURED = re.compile(r"\b[\d.]+ (?:s|min)\b")
LATELY = 3600 * SECOND
"""So long is what is over by now told of a service that is well."""
WHOLE_MACHINE = {"engine": "engine-down", "state": "disk-full", "traffic": "network", "memory": "memory"}
"""Conditions that concern every service, and the kinds of what they cause."""


@dataclass(frozen=True)
class Scene:
    """What is known at one moment. `running` are facts of tasks that run, by ID; `conditions` what is wrong
    on the machine, as `KEY: TEXT`; `told` whether who asks may be told of a service."""

    view: View
    now: int
    running: Mapping[str, Facts] = field(default_factory=dict)
    conditions: Sequence[str] = ()
    told: Callable[[Service], bool] = lambda service: True

    @property
    def names(self) -> set[str]:
        """Names that containers can look up, as far as they are services' and their aliases."""
        names = set()
        for service in filter(self.told, self.view.services.values()):
            names |= {service.name, service.name.removeprefix(f"{stack_of(service.spec.typed.labels)}_")}
            for place in service.spec.typed.task_template.networks:
                names |= set(place.aliases)
        return names


def of_stack(scene: Scene, services: Iterable[Service], name: str) -> Explanation:
    """A stack: whatever is wrong with its services."""
    answers = [of_service(scene, service) for service in sorted(services, key=lambda service: service.name)]
    causes = dict.fromkeys(cause for answer in answers for cause in answer.causes)
    ill = [answer for answer in answers if any(not cause.past for cause in answer.causes)]
    state = f"{len(answers) - len(ill)} of {len(answers)} services are as they should be"
    return Explanation("stack", name, state, _ranked(causes))


def of_service(scene: Scene, service: Service) -> Explanation:
    """A service: what keeps its tasks, its last update, and what is wrong with the machine."""
    tasks = scene.view.tasks_of(service.id)
    if service.stopped is not None:
        return _of_stopped_service(scene, service, tasks)
    causes = [*_of_machine(scene, service), *_of_slots(scene, service, tasks)]
    update = of_update(scene.view, service, scene.names)
    if update is not None:
        causes = [update, *(cause for cause in causes if not _same(cause, service))]
    sentences = {cause.sentence for cause in causes}
    causes += [
        cause.about(service.name)
        for cause in refused_ports(scene.view, service)
        if cause.sentence not in sentences
    ]
    running = sum(task.live and task.status.state == TaskState.RUNNING for task in tasks)
    desired = sum(task.live for task in tasks)
    under_way = service.update is not None and service.update.state in UNDER_WAY
    if (running < desired or under_way) and all(cause.past for cause in causes):
        causes += _of_decision(scene, service)
    return Explanation("service", service.name, _state(service, running, desired), _ranked(_grouped(causes)))


def _of_stopped_service(scene: Scene, service: Service, tasks: Sequence[Task]) -> Explanation:
    """Nothing is wrong with it: somebody has stopped it."""
    running = sum(task.status.state == TaskState.RUNNING for task in tasks)
    cause = Cause("stopped", f"it was {manner_of(service)}", (), (command_of(service),)).about(service.name)
    waits = () if is_over(scene.view, service) else tuple(_of_decision(scene, service))
    state = f"{running} of {wanted_of(service, scene.view.node)} tasks run; stopped"
    return Explanation("service", service.name, state, (cause, *waits))


def of_task(scene: Scene, task: Task) -> Explanation:
    """A task."""
    cause = _of_one(scene, task)
    machine = _of_machine(scene, scene.view.services.get(task.service_id))
    causes = [*machine, *([cause.about(task.short_name)] if cause is not None else [])]
    at = span(scene.now - task.status.at)
    return Explanation("task", task.name, f"{task.status.state.word} for {at}", tuple(causes))


def _of_decision(scene: Scene, service: Service) -> Iterator[Cause]:
    """What was decided last about a service with which something goes on: what is waited for, until when."""
    decision = scene.view.decisions.get(service.id)
    note = decision.notes[-1] if decision is not None and decision.notes else Note(NOTHING_TO_DO)
    if note.text != NOTHING_TO_DO:
        left = f"for {span(note.until - scene.now)} at the most" if note.until > scene.now else ""
        yield Cause("slow", f"it is not done yet: {note.text}").about(service.name, left)


def _state(service: Service, running: int, desired: int) -> str:
    update = f"; {service.update.state.replace('_', ' ')}" if service.update is not None else ""
    return f"{running} of {desired} tasks run{update}"


def _ranked(causes: Iterable[Cause]) -> tuple[Cause, ...]:
    """What is over comes last, what concerns the whole machine first."""
    return tuple(sorted(causes, key=lambda cause: (cause.past, cause.of != "")))


def _grouped(causes: Iterable[Cause]) -> list[Cause]:
    """Each cause once: what several slots have in common but for the time that it took is told of the
    first."""
    groups: dict[tuple[str, str, bool], list[Cause]] = {}
    for cause in causes:
        groups.setdefault((cause.kind, MEASURED.sub("", cause.sentence), cause.past), []).append(cause)
    return [
        group[0]
        if len(group) == 1
        else group[0].about(
            group[0].of, f"so are {len(group) - 1} more: " + ", ".join(cause.of for cause in group[1:5])
        )
        for group in groups.values()
    ]


def _same(cause: Cause, service: Service) -> bool:
    """Whether an update's outcome says already what a slot's end says."""
    turned = service.update.failed_task if service.update is not None else ""
    return bool(turned) and any(f"task {turned}" in text for text in cause.evidence)


def _of_machine(scene: Scene, service: Service | None) -> list[Cause]:
    causes = []
    for condition in scene.conditions:
        key, _, text = condition.partition(": ")
        if key in WHOLE_MACHINE:
            kind = WHOLE_MACHINE[key]
            kind = "disk" if kind == "disk-full" and "space" not in text and "full" not in text else kind
            causes.append(Cause(kind, f"{_subject(key)}{text}", (), ("skerry status",)))
        elif service is not None and key == f"service {service.name}":
            causes.append(Cause("undecided", text, of=service.name))
    return causes


def _subject(key: str) -> str:
    return {"engine": "the engine: ", "state": "", "traffic": "the network: ", "memory": ""}[key]


def _of_slots(scene: Scene, service: Service, tasks: Sequence[Task]) -> Iterator[Cause]:
    """Of each slot that is not as it should be the cause; of each that is, what happened to it lately."""
    slots: dict[int, list[Task]] = {}
    for task in tasks:
        slots.setdefault(task.slot, []).append(task)
    wanted = {task.id for task in current(scene.view, service)} if scene.view.node is not None else set()
    for number in sorted(slots):
        yield from _of_slot(scene, service, slots[number], wanted)


def _of_slot(scene: Scene, service: Service, tasks: Sequence[Task], wanted: Set[str]) -> Iterator[Cause]:
    """What is wrong with one slot, whose tasks are in the order of their making: its newest one, those that
    run, and a failure of late that has been mended since. Where one of those that run is `wanted`, the spec
    that the newest one failed by has been taken back."""
    newest = tasks[-1]
    failed = [task for task in tasks if _has_failed(task, service)]
    running = [task for task in tasks if task.live and task.status.state == TaskState.RUNNING]
    if newest.desired >= TaskState.SHUTDOWN and not newest.status.state.terminal and not running:
        return  # on its way out
    mended = newest in running or any(task.id in wanted for task in running)
    cause = None if mended else _of_newest(scene, newest, failed)
    if cause is not None:
        again = _again(scene, newest, len(failed))
        yield cause.about(newest.short_name, f"task {(failed or [newest])[-1].id}", again)
    for task in running:
        trouble = _of_running(scene, task)
        if trouble is not None:
            yield trouble.about(task.short_name)
    if cause is None and failed and scene.now - failed[-1].status.at < LATELY and running:
        last = failed[-1]
        ago = f"{span(scene.now - last.status.at)} ago; it runs again"
        past = of_end(last, scene.names).about(last.short_name, f"task {last.id}", ago)
        yield replace(past, past=True)


def _has_failed(task: Task, service: Service) -> bool:
    ended = task.status.state
    return ended in (TaskState.FAILED, TaskState.REJECTED) or (
        ended == TaskState.COMPLETE and not service.is_job
    )


def _of_newest(scene: Scene, newest: Task, failed: Sequence[Task]) -> Cause | None:
    """What keeps the newest task of a slot that does not run: its own reason, or that of the one before."""
    own = _of_one(scene, newest)
    if own is not None and (newest.status.state.terminal or own.kind != "slow" or not failed):
        return own
    return of_end(failed[-1], scene.names) if failed and newest.start_after else own


def _again(scene: Scene, newest: Task, failures: int) -> str:
    """How often it was tried, and when the next try is."""
    tries = max(newest.streak, failures)
    count = f"{tries} failures in a row" if tries > 1 else ""
    if newest.start_after > scene.now and not newest.status.state.terminal:
        grows = ", the pauses grow" if newest.streak > restart.PATIENCE else ""
        return f"{count or 'it failed once'}{grows}; next try in {span(newest.start_after - scene.now)}"
    return count


def _of_one(scene: Scene, task: Task) -> Cause | None:
    """What there is to say about one task by itself."""
    state, facts = task.status.state, scene.running.get(task.id) or task.facts or Facts()
    if state in (TaskState.FAILED, TaskState.REJECTED):
        return of_end(task, scene.names)
    if state == TaskState.COMPLETE:
        return None if task.job_iteration is not None else of_end(task, scene.names)
    if state == TaskState.SHUTDOWN:
        return _of_stopped(scene, task)
    if state < TaskState.ASSIGNED:
        return of_wait(scene.view, task)
    if state == TaskState.RUNNING:
        return _of_running(scene, task)
    if state == TaskState.STARTING and facts.probe is not None:
        return of_check(task, facts, over=False, now=scene.now)
    return _of_preparing(scene, task)


def _of_running(scene: Scene, task: Task) -> Cause | None:
    facts = scene.running.get(task.id) or Facts()
    silent = of_silence(task, facts)
    if silent is not None:
        return silent
    if task.status.err:
        return Cause(
            "network",
            task.status.err,
            (),
            (f"to replace it: docker service update --force {task.service_name}",),
        )
    return of_unreached(task, facts)


def _of_preparing(scene: Scene, task: Task) -> Cause | None:
    """What a task on its way up waits for."""
    state = task.status.state
    since = span(scene.now - task.status.at)
    image = task.spec.typed.container_spec.image.partition("@")[0]
    if state == TaskState.PREPARING:
        return Cause("slow", f"its image {image} is being pulled, for {since}")
    if state == TaskState.READY and task.start_after > scene.now:
        return Cause(
            "slow", f"it is prepared, and starts in {span(task.start_after - scene.now)}: its restart delay"
        )
    before = scene.view.tasks.get(task.follows)
    if state == TaskState.READY and before is not None and not before.status.state.terminal:
        return Cause("slow", f"it is prepared, and waits until {before.name} has stopped", (f"for {since}",))
    if state == TaskState.STARTING:
        return Cause("slow", f"it starts, for {since}: it does not listen yet", (task.status.err,))
    return None


def _of_stopped(scene: Scene, task: Task) -> Cause | None:
    """Why a task was stopped on purpose."""
    service, facts = scene.view.services.get(task.service_id), task.facts
    if service is None:
        return Cause("removed", "it was stopped, as its service was removed")
    update = service.update
    if service.stopped is not None:
        words = f"it was stopped, as its service was {manner_of(service)}"
        return Cause("stopped", words, (), (command_of(service),))
    if update is not None and update.failed_task == task.id:
        cause = of_update(scene.view, service, scene.names)
        return replace(cause, past=False) if cause is not None else None
    newer = task.spec_version != service.spec_version
    if not task.running_at:
        waited = of_check(task, facts, over=True) if facts is not None and facts.probe is not None else None
        why = f": {waited.sentence}" if waited is not None else ""
        evidence = waited.evidence if waited is not None else ()
        kind = "superseded" if newer else "stopped"
        reason = "another update came before it was ready" if newer else "it was not wanted any more"
        return Cause(kind, f"it was stopped, as {reason}{why}", evidence)
    node = scene.view.node
    if node is not None and node.availability == "drain":
        return Cause(
            "node",
            "it was stopped, as the node is drained",
            (),
            (f"docker node update --availability active {node.hostname}",),
        )
    return Cause(
        "replaced" if newer else "stopped",
        "it was stopped, as an update replaced it" if newer else "it was stopped, as it was told to",
    )
