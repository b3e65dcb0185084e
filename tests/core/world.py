"""A swarm of values for tests of the core: a view, an instant, and tasks moved on by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

from msgspec.structs import replace

from skerry.core.plan import Plan, is_new
from skerry.core.reconcile import reconcile
from skerry.core.revisions import revision_of
from skerry.core.view import View
from skerry.model.defaults import SECOND
from skerry.model.objects import Cluster, Endpoint, Network, Node, Object, Raw, Service, Task, VirtualIP
from skerry.model.states import TaskState
from tests.support.specs import of_service

READY, STARTING, RUNNING = TaskState.READY, TaskState.STARTING, TaskState.RUNNING
FAILED, REJECTED, COMPLETE = TaskState.FAILED, TaskState.REJECTED, TaskState.COMPLETE
SHUTDOWN, REMOVE = TaskState.SHUTDOWN, TaskState.REMOVE


def service_spec(**changes: Any) -> Raw:
    """A spec of two replicas; keys of the task template are given as `template={…}`."""
    template = {"ContainerSpec": {"Image": "app:1"}, **changes.pop("template", {})}
    return {
        "Name": "app",
        "Labels": {},
        "TaskTemplate": template,
        "Mode": {"Replicated": {"Replicas": changes.pop("replicas", 2)}},
        **changes,
    }


class Swarm:
    """One service `app` on one node, and the agent's part of its life played by the test."""

    def __init__(self, spec: Raw | None = None, **node: Any) -> None:
        self.now = 1_000 * SECOND
        self._ids = 0
        self.view = View(
            version=1,
            clusters={"c": Cluster("c", "n", {})},
            nodes={"n": Node("n", "host", {"Role": "manager", "Availability": "active"}, **node)},
            networks={"net": Network("net", "front", {}, "10.0.1.0/24", "10.0.1.1", "10.0.1.254")},
            services={},
        )
        self.put(Service("s", "app", of_service(spec or service_spec()), spec_version=1, endpoint=ENDPOINT))
        self.put(revision_of(self.service, parent=0))

    @property
    def service(self) -> Service:
        """The service as it is now."""
        return self.view.services["s"]

    @property
    def tasks(self) -> list[Task]:
        """Its tasks, oldest first."""
        return list(self.view.tasks_of("s"))

    @property
    def live(self) -> list[Task]:
        """The tasks that are wanted."""
        return [task for task in self.tasks if task.live]

    @property
    def node(self) -> Node:
        """The node."""
        return self.view.nodes["n"]

    def put(self, obj: Object) -> None:
        """Write an object, as the store would."""
        version = self.view.version + 1
        stored = replace(obj, version=version, updated_at=self.now, created_at=obj.created_at or self.now)
        self.view = dataclasses.replace(self.view.put(stored), version=version)

    def set_node(self, availability: str = "active", **labels: str) -> None:
        """Change the node's availability and labels."""
        self.put(replace(self.node, spec={**self.node.spec, "Availability": availability, "Labels": labels}))

    def delete(self, obj: Object) -> None:
        """Remove an object."""
        self.view = dataclasses.replace(self.view.without(obj), version=self.view.version + 1)

    def apply(self, plan: Plan) -> None:
        """Write a plan, giving new tasks IDs in the order of their making."""
        if plan.service is not None:
            self.put(plan.service)
        for task in plan.tasks:
            self._ids += is_new(task)
            self.put(replace(task, id=f"t{self._ids}") if is_new(task) else task)
        for former in plan.formers:
            self.put(former)
        gone: tuple[Object, ...] = (*plan.deleted, *plan.forgotten)
        for row in gone:
            self.delete(row)

    def settle(self) -> Plan:
        """Pass until nothing is left to write; the last, empty plan tells what it waits for."""
        for _ in range(20):
            plan = reconcile(self.view, "s", self.now)
            if plan.empty:
                return plan
            self.apply(plan)
        raise AssertionError("the core does not come to rest")

    def observe(self, task: Task, state: TaskState, exit_code: int = 0) -> None:
        """The agent reports a state, now."""
        task = self.view.tasks[task.id]
        status = replace(task.status, state=state, at=self.now, exit_code=exit_code)
        running_at = task.running_at or (self.now if state == RUNNING else 0)
        self.put(replace(task, status=status, running_at=running_at))

    def step(self, seconds: float) -> Plan:
        """Let time pass, then settle."""
        self.now += int(seconds * SECOND)
        return self.settle()

    def agent(self) -> None:
        """A willing agent, until nothing changes: start what may start, stop what must stop."""
        for _ in range(40):
            before = self.view.version
            for task in self.tasks:
                self._obey(task)
            self.settle()
            if self.view.version == before:
                return
        raise AssertionError("agent and core do not come to rest")

    def _obey(self, task: Task) -> None:
        state = task.status.state
        if state.terminal or state < TaskState.ASSIGNED:
            return
        if not task.live:
            self.observe(task, SHUTDOWN)
        elif task.desired == TaskState.READY and state < READY:
            self.observe(task, READY)
        elif task.desired >= RUNNING and state < RUNNING:
            self.observe(task, RUNNING)

    def update(self, spec: Raw) -> None:
        """What the API does on an accepted update."""
        old = self.service
        number = max(one.number for one in self.view.revisions_of("s")) + 1
        self.put(
            replace(
                old, spec=of_service(spec), spec_version=self.view.version + 1, revision=number, update=None
            )
        )
        if self.service.is_job:
            self.put(replace(self.service, job_iteration=old.job_iteration + 1))
        self.put(revision_of(self.service, parent=old.revision))


ENDPOINT = Endpoint(vips=(VirtualIP("net", "10.0.1.128"),))


def image(tag: str, **more: object) -> dict[str, object]:
    """A spec with another image."""
    return service_spec(template={"ContainerSpec": {"Image": f"app:{tag}"}}, **more)


def images(swarm: Swarm) -> list[str]:
    """The images of the wanted tasks, by slot."""
    found = sorted(swarm.live, key=lambda task: (task.slot, task.created_at))
    return [task.spec.raw["ContainerSpec"]["Image"] for task in found]


def running(tag: str = "1", **more: object) -> Swarm:
    """A swarm whose service runs."""
    swarm = Swarm(image(tag, **more))
    swarm.agent()
    return swarm
