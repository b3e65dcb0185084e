"""One commit, as the invariants see it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from skerry.core.view import View
from skerry.model.objects import Node, Service, Task
from skerry.model.specs import Placement, RestartPolicy, ServiceSpec, UpdateConfig
from skerry.model.states import TaskState
from skerry.store.store import Change
from tests.sim.past import Past

UNDER_WAY = ("updating", "rollback_started")
HALTED = ("paused", "rollback_paused")


@dataclass(frozen=True)
class Step:
    """The view before and after a commit, what it changed, which part of the daemon wrote it, and when.

    `at` is virtual time, as everything in `past`; the rows' own instants move when a clock is set.
    """

    before: View
    after: View
    changes: tuple[Change, ...]
    writer: str
    at: int
    past: Past

    @cached_property
    def written(self) -> list[tuple[Task | None, Task]]:
        """The task rows that were made or changed: (before, after)."""
        found = []
        for change in self.changes:
            if isinstance(change.new, Task):
                assert change.old is None or isinstance(change.old, Task)
                found.append((change.old, change.new))
        return found

    @cached_property
    def deleted(self) -> list[Task]:
        """The task rows that went."""
        return [change.old for change in self.changes if change.new is None and isinstance(change.old, Task)]

    @cached_property
    def services(self) -> list[tuple[Service | None, Service]]:
        """The services that were made or changed: (before, after)."""
        found = []
        for change in self.changes:
            if isinstance(change.new, Service):
                assert change.old is None or isinstance(change.old, Service)
                found.append((change.old, change.new))
        return found

    @cached_property
    def decided(self) -> list[Service]:
        """The services about which the orchestrator decided in this commit."""
        if self.writer != "orchestrator":
            return []
        ids = [one.service_id for _, one in self.written] + [one.id for _, one in self.services]
        return [self.after.services[key] for key in dict.fromkeys(ids) if key in self.after.services]


def spec_of(service: Service) -> ServiceSpec:
    """The service's spec, typed."""
    return service.spec.typed


def policy_of(service: Service) -> RestartPolicy:
    """The restart policy in force."""
    return spec_of(service).task_template.restart_policy


def config_of(service: Service) -> UpdateConfig:
    """The settings of the update under way: the rollback's own where it goes back."""
    spec = spec_of(service)
    back = service.update is not None and service.update.state.startswith("rollback")
    return (spec.rollback_config if back else spec.update_config) or UpdateConfig(parallelism=1)


def slots_of(view: View, service_id: str) -> dict[int, list[Task]]:
    """The tasks of each slot, oldest first, but for those that are to be removed."""
    found: dict[int, list[Task]] = {}
    for task in view.tasks_of(service_id):
        if task.desired < TaskState.REMOVE:
            found.setdefault(task.slot, []).append(task)
    return found


def dirty(view: View, service: Service, task: Task) -> bool:
    """Whether a task is not what the service asks for; told here without the core's help."""
    wanted, made = service.spec.raw.get("TaskTemplate", {}), task.spec.raw
    if {**wanted, "Placement": None} != {**made, "Placement": None}:
        return True
    if service.spec.raw.get("EndpointSpec") != (task.endpoint_spec and task.endpoint_spec.raw):
        return True
    if wanted.get("Placement") == made.get("Placement"):
        return False
    waits = task.status.state < TaskState.ASSIGNED
    return waits or not constraints_met(spec_of(service).task_template.placement, view.node)


def constraints_met(placement: Placement | None, node: Node | None) -> bool:
    """Whether the node is one that the simulated users' constraints allow."""
    assert node is not None
    zone = (node.spec.get("Labels") or {}).get("zone", "")
    met = {
        "node.labels.zone==a": zone == "a",
        "node.labels.zone!=b": zone != "b",
        "node.role==manager": True,
        "node.id==x": False,
    }
    wanted = (placement.constraints or []) if placement is not None else []
    return all(met[one] for one in wanted)


def made_by_update(service: Service, task: Task) -> bool:
    """Whether the update that is (or was last) under way made the task, or took it over."""
    update = service.update
    of_this = update is not None and task.update_started_at == update.started_at
    return of_this and task.spec_version == service.spec_version


def clean(view: View, service: Service, task: Task) -> bool:
    """Whether a wanted task is what the service asks for, and has not ended."""
    return task.live and not task.status.state.terminal and not dirty(view, service, task)
