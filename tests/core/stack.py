"""Several services of one stack for tests of the core: what depends on what, and a willing agent."""

from __future__ import annotations

import dataclasses
from typing import Any

from msgspec.structs import replace

from skerry.control import files, releases, services, stacks, stopping, versions
from skerry.control.decode import read
from skerry.core.plan import is_new
from skerry.core.reconcile import reconcile
from skerry.core.release import ReleaseStep, advance
from skerry.core.view import View
from skerry.model.defaults import SECOND
from skerry.model.objects import Object, Raw, Service, Task
from skerry.model.releases import UNDER_WAY, Release
from skerry.model.spec import Spec
from skerry.model.specs import ServiceSpec
from skerry.model.states import TaskState
from skerry.store.store import Tx
from tests.control.swarm_of_one import World, converted

STACK = "com.docker.stack.namespace"
ORDER = "skerry.depends_on"


def service(name: str, needs: str = "", image: str = "1", **more: Any) -> Raw:
    """A service of the stack `shop`, as a client sends it."""
    labels = {STACK: "shop", **({ORDER: needs} if needs else {}), **more.pop("labels", {})}
    return {
        "Name": f"shop_{name}",
        "Labels": labels,
        "TaskTemplate": {"ContainerSpec": {"Image": f"app:{image}"}, **more.pop("task", {})},
        **more,
    }


def job(name: str, needs: str = "", image: str = "1", **more: Any) -> Raw:
    """A job that is tried once."""
    once = {"RestartPolicy": {"Condition": "none"}}
    return service(name, needs, image, Mode={"ReplicatedJob": {}}, task=once, **more)


class Shop:
    """The stack on a node: the core's passes run until nothing is left to do, and the agent is played."""

    def __init__(self) -> None:
        self._world = World()
        self.view: View = self._world.view
        self.now = 1_000 * SECOND
        self.asleep: set[str] = set()
        """Services whose tasks do not get ready."""
        self.failing: set[str] = set()
        """Images whose tasks fail as they start."""
        self.begun: list[str] = []
        """The services whose tasks were started, with their images, in order."""
        self._ids = 0

    # calls

    def deploy(self, *bodies: Raw, **options: Any) -> stacks.Deployed:
        """Deploy the stack; `Networks` and the like are options in capitals."""
        body = {name: options.pop(name) for name in list(options) if name[0].isupper()}
        checked = read({"Services": list(bodies), **body}, "skerry.Stack")
        return self.call(stacks.Wanted("shop", checked, **options))

    def call(self, wanted: stacks.Wanted) -> stacks.Deployed:
        """One call, in one transaction."""
        tx = self._tx()
        deployed = stacks.deploy(tx, wanted, stacks.Circumstances())
        self._commit(tx)
        return deployed

    def remove(self) -> None:
        """Remove the stack."""
        tx = self._tx()
        stacks.remove(tx, "shop")
        self._commit(tx)

    def create(self, body: Raw) -> None:
        """One service by a call of its own, as `docker stack deploy` makes it."""
        tx = self._tx()
        services.add(tx, Spec(ServiceSpec, converted(self.view, body)), "")
        self._commit(tx)

    def update(self, name: str, spec: Raw) -> None:
        """Another spec of a service, by a call of its own. `name` is the whole one."""
        service = self.view.service_named(name)
        assert service is not None, name
        tx = self._tx()
        services.change(tx, service, Spec(ServiceSpec, spec), "")
        self._commit(tx)

    def stop(self, *names: str) -> list[str]:
        """Stop services; the names of those that ran."""
        tx = self._tx()
        stopped = stopping.stop(tx, [self.named(name) for name in names], "ann")
        self._commit(tx)
        self.settle()
        return [row.name for row in stopped]

    def start(self, *names: str) -> list[str]:
        """Start them again."""
        tx = self._tx()
        started = stopping.start(tx, [self.named(name) for name in names])
        self._commit(tx)
        self.settle()
        return [row.name for row in started]

    def renew(self, body: Raw) -> None:
        """Another content of a config, by a call of its own."""
        tx = self._tx()
        old = next(row for row in self.view.configs.values() if row.name == body["Name"])
        spec, data = files.split(read(body, "swarm.ConfigSpec"))
        versions.roll(tx, [versions.renew(tx, old, spec, data, "")], "", settles=True)
        self._commit(tx)

    def put(self, obj: Object) -> None:
        """Write an object."""
        tx = self._tx()
        tx.put(obj)
        self._commit(tx)

    def _tx(self) -> Tx:
        return Tx(self.view, self.now, self._id)

    def _id(self) -> str:
        self._ids += 1
        return f"id{self._ids:04}"

    def _commit(self, tx: Tx) -> None:
        if tx.changes():
            self.view = dataclasses.replace(tx.view, version=tx.version)

    # what there is

    def named(self, name: str) -> Service:
        """A service by its name in the file."""
        found = self.view.service_named(f"shop_{name}")
        assert found is not None, name
        return found

    def tasks(self, name: str) -> list[Task]:
        """Its wanted tasks."""
        return [task for task in self.view.tasks_of(self.named(name).id) if task.live]

    def running(self) -> dict[str, list[str]]:
        """The images of the running tasks by service."""
        found: dict[str, list[str]] = {}
        for task in sorted(self.view.tasks.values(), key=lambda one: one.name):
            if task.status.state == TaskState.RUNNING and task.live:
                image = task.spec.typed.container_spec.image
                found.setdefault(task.service_name.removeprefix("shop_"), []).append(image)
        return found

    @property
    def release(self) -> Release:
        """The last release."""
        found = self.view.release_of("shop")
        assert found is not None
        return found

    def note(self, name: str) -> str:
        """What the core says about a service."""
        return reconcile(self.view, self.named(name).id, self.now).note.text

    # time

    def settle(self) -> None:
        """All passes, until none writes anything."""
        for _ in range(100):
            before = self.view.version
            for key in sorted({*self.view.services, *self.view.index.tasks}):
                self._pass(key)
            if self.view.version == before:
                return
        raise AssertionError("the core does not come to rest")

    def _pass(self, key: str) -> None:
        plan = reconcile(self.view, key, self.now)
        tx = self._tx()
        if plan.service is not None:
            tx.put(plan.service)
        for task in plan.tasks:
            tx.put(replace(task, id=self._id()) if is_new(task) else task)
        for task in plan.deleted:
            tx.delete(task)
        self._commit(tx)

    def step(self) -> ReleaseStep:
        """One step of the release, if it is under way."""
        if self.view.release_of("shop") is None or self.release.outcome.state not in UNDER_WAY:
            return ReleaseStep()
        step = advance(self.view, self.release, self.now)
        if not step.empty:
            tx = self._tx()
            releases.write(tx, self.release, step)
            self._commit(tx)
        return step

    def observe(self, task: Task, state: TaskState, **status: Any) -> None:
        """The agent reports a state, now."""
        task = self.view.tasks[task.id]
        after = replace(task.status, state=state, at=self.now, **status)
        ready = task.running_at or (self.now if state == TaskState.RUNNING else 0)
        self.put(replace(task, status=after, running_at=ready))

    def act(self) -> None:
        """The agent does one thing about each task."""
        for key in sorted(self.view.tasks):
            self._obey(self.view.tasks[key])
        self.settle()

    def _obey(self, task: Task) -> None:
        state = task.status.state
        if not task.live:
            if task.desired >= TaskState.REMOVE and (state.terminal or state < TaskState.STARTING):
                self._delete(task)
            elif TaskState.ASSIGNED <= state <= TaskState.RUNNING:
                self.observe(task, TaskState.SHUTDOWN)
        elif state.terminal or state < TaskState.ASSIGNED:
            return
        elif state < TaskState.READY:
            self.observe(task, TaskState.READY)
        elif task.desired > TaskState.READY and state < TaskState.RUNNING:
            self._start(task)
        elif state == TaskState.RUNNING and task.job_iteration is not None:
            self.observe(task, TaskState.COMPLETE)

    def _delete(self, task: Task) -> None:
        tx = self._tx()
        tx.delete(task)
        self._commit(tx)

    def _start(self, task: Task) -> None:
        name, image = task.service_name.removeprefix("shop_"), task.spec.typed.container_spec.image
        said = f"{name} {image}"
        if task.status.state == TaskState.READY:
            self.begun.append(said)
            self.observe(task, TaskState.STARTING, pid=7)
        elif image in self.failing:
            self.observe(task, TaskState.FAILED, err="task: non-zero exit (1)", exit_code=1)
        elif name not in self.asleep:
            self.observe(task, TaskState.RUNNING)

    def live(self, seconds: int = 60) -> None:
        """So much time, a second at a time: passes, agent, release."""
        for _ in range(seconds):
            self.settle()
            self.act()
            self.step()
            self.settle()
            self.now += SECOND
