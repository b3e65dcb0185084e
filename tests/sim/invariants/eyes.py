"""What the engine and the kernel are told, looked at in the moment of the telling."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from skerry.core.view import View
from skerry.model.container_labels import TASK_ID
from skerry.model.states import TaskState
from skerry.model.traffic import Traffic
from tests.sim.engine import MovedEngine
from tests.sim.kernel import Kernel, backends_of
from tests.sim.story import Story, Violation


class Eyes:
    """Hears every call to the engine and every table; keeps the first thing that must not be."""

    def __init__(
        self, engine: MovedEngine, kernel: Kernel, view: Callable[[], View | None], story: Story
    ) -> None:
        self.failure: Violation | None = None
        self._engine, self._kernel, self._view, self._story = engine, kernel, view, story
        engine.on_call = self._call
        kernel.on_apply = self._apply

    def fail(self, invariant: Callable[..., object] | str, seen: str) -> None:
        """Keep it; the world raises it at the end of the turn."""
        self.failure = self.failure or Violation(invariant, seen)

    def _call(self, verb: str, name: str) -> None:
        self._story.tell("engine", f"{verb} {name}")
        for invariant in (
            nothing_is_stopped_in_the_table,
            one_container_a_task,
            what_starts_is_wanted,
            what_starts_has_its_address_alone,
        ):
            for seen in invariant(self, verb, name):
                self.fail(invariant, seen)

    def _apply(self, traffic: Traffic) -> None:
        view = self._view()
        if view is not None:
            for invariant in (endpoints_are_running_and_wanted, former_addresses_are_nobodys):
                for seen in invariant(self, traffic, view):
                    self.fail(invariant, seen)


def nothing_is_stopped_in_the_table(eyes: Eyes, verb: str, name: str) -> Iterator[str]:
    """No running container is stopped or removed by us before its task has left the applied table."""
    if verb not in ("stop", "remove"):
        return
    box = eyes._engine._find(name)
    if box is not None and box.running:
        task_id = (box.body.get("Labels") or {}).get(TASK_ID)
        if task_id in eyes._kernel.backends():
            yield f"{verb} {name}, which is still in the table"


def one_container_a_task(eyes: Eyes, verb: str, name: str) -> Iterator[str]:
    """No task has two containers."""
    if verb == "start":
        tasks = [(box.body.get("Labels") or {}).get(TASK_ID) for box in eyes._engine.boxes.values()]
        if len(tasks) != len(set(tasks)):
            yield f"{sorted(str(task) for task in tasks)}"


def what_starts_is_wanted(eyes: Eyes, verb: str, name: str) -> Iterator[str]:
    """A container is started only for a task that may run and has not ended."""
    view = eyes._view()
    if verb != "start" or view is None:
        return
    task = next((one for one in view.tasks.values() if one.name == name), None)
    if task is None or task.desired < TaskState.RUNNING or task.status.state.terminal:
        yield f"{name} is started: {task and (task.status.state.word, task.desired.word)}"


def what_starts_has_its_address_alone(eyes: Eyes, verb: str, name: str) -> Iterator[str]:
    """No container is started where the table leads its own address elsewhere, as that of a former task."""
    view = eyes._view()
    task = next((one for one in view.tasks.values() if one.name == name), None) if view is not None else None
    if verb != "start" or task is None:
        return
    former = formers_of(eyes._kernel.applied)
    for place in task.attachments:
        if (place.network_id, place.reserved) in former:
            yield f"{name} starts at {place.reserved}, which leads to a service"


def former_addresses_are_nobodys(eyes: Eyes, traffic: Traffic, view: View) -> Iterator[str]:
    """No table leads the address of a task that runs to another service than its own."""
    former = formers_of(traffic)
    for task in view.tasks.values():
        if task.status.state == TaskState.RUNNING:
            for place in task.attachments:
                service = former.get((place.network_id, place.address), task.service_id)
                if service != task.service_id:
                    yield f"{place.address} of {task.name} leads to {service}"


def formers_of(traffic: Traffic) -> dict[tuple[str, str], str]:
    """Which service each address of a former task leads to, by network and address."""
    return {
        (service.network_id, former.address): service.service_id
        for service in traffic.services
        for former in service.former
    }


def endpoints_are_running_and_wanted(eyes: Eyes, traffic: Traffic, view: View) -> Iterator[str]:
    """No table is applied with a backend that is not RUNNING and wanted at that moment."""
    for backend in sorted(backends_of(traffic), key=lambda one: one.task_id):
        task = view.tasks.get(backend.task_id)
        if task is None or not task.live or task.status.state != TaskState.RUNNING:
            words = task and (task.status.state.word, task.desired.word)
            yield f"{backend.task_id} at {backend.address}: {words}"
