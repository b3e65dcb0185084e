"""A swarm in memory for the tests of control: with what a case needs."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeVar

import pytest

from skerry.control import access, configs, networks, secrets, services, swarm
from skerry.control.convert import service_spec
from skerry.control.decode import read
from skerry.core.view import View
from skerry.model.errors import SkerryError
from skerry.model.objects import Node, Raw, Service, Task, TaskStatus
from skerry.model.spec import endpoint_of, template_of
from skerry.model.states import TaskState
from skerry.store.store import Store
from tests.support.memory import Clock, Memory

T = TypeVar("T")
INIT: Raw = {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": "127.0.0.1"}


def spec(name: str = "app", **more: Any) -> Raw:
    """A small service; keywords are fields of the spec, but `container` and `task` go deeper."""
    container = {"Image": "app:1", **more.pop("container", {})}
    return {"Name": name, "TaskTemplate": {"ContainerSpec": container, **more.pop("task", {})}, **more}


def published(*ports: Raw, mode: str = "vip") -> Raw:
    """An endpoint spec."""
    return {"Mode": mode, "Ports": list(ports)}


async def create_service(
    store: Store, body: Raw, local: Collection[str] = (), **options: Any
) -> tuple[str, list[str]]:
    """Create a service from what a client sends, as its route does."""
    return await services.create(store, converted(store.view, body, local), **options)


async def update_service(
    store: Store, ref: str, version: str | None, body: Raw, local: Collection[str] = (), **options: Any
) -> list[str]:
    """The same for an update."""
    return await services.update(
        store, ref, access.version_number(version, "service"), converted(store.view, body, local), **options
    )


def converted(view: View, body: Raw, local: Collection[str] = ()) -> Raw:
    """The spec that a client's becomes."""
    return service_spec(view, read(body, "swarm.ServiceSpec"), local)


class World:
    """A store with a swarm in it, and the calls of control without `await`."""

    def __init__(self, swarmed: bool = True) -> None:
        self.clock = Clock()
        ids = (hashlib.sha256(str(number).encode()).hexdigest()[:25] for number in itertools.count())
        self.store = Store(Memory(), self.clock, lambda: next(ids))
        if swarmed:
            self.node_id = self.run(swarm.init(self.store, INIT, "vm", {"Hostname": "vm"}))

    @property
    def view(self) -> View:
        """What is stored now."""
        return self.store.view

    @property
    def node(self) -> Node:
        """The node."""
        return self.view.nodes[self.node_id]

    def run(self, call: Awaitable[T]) -> T:
        """Await a call; time goes on by a second."""

        async def one() -> T:
            return await call

        self.clock.now += 1_000_000_000
        return asyncio.run(one())

    def service(self, name: str = "app", **more: Any) -> Service:
        """Create a service."""
        key, warnings = self.run(create_service(self.store, spec(name, **more)))
        assert warnings == []
        return self.view.services[key]

    def update(self, service: Service, body: Raw, **more: Any) -> Service:
        """Update a service at its current version."""
        version = str(self.view.services[service.id].version)
        self.run(update_service(self.store, service.id, version, body, **more))
        return self.view.services[service.id]

    def network(self, name: str = "net", **more: Any) -> str:
        """Create a network; its ID."""
        return self.run(networks.create(self.store, {"Name": name, "Driver": "overlay", **more}))

    def config(self, name: str = "conf", data: str = "YQ==") -> str:
        """Create a config; its ID."""
        return self.run(configs.create(self.store, {"Name": name, "Data": data}))

    def secret(self, name: str = "word", data: str = "YQ==") -> str:
        """Create a secret; its ID."""
        return self.run(secrets.create(self.store, {"Name": name, "Data": data}))

    def task(self, service: Service, state: TaskState = TaskState.RUNNING, **more: Any) -> Task:
        """Put a task of a service, as the orchestrator and the agent would have."""
        task = Task(
            f"task{len(self.view.tasks)}",
            service.id,
            service.name,
            self.node_id,
            template_of(service.spec),
            endpoint_of(service.spec),
            service.spec_version,
            TaskState.RUNNING,
            TaskStatus(state, 0, "started"),
            slot=len(self.view.tasks) + 1,
            **more,
        )
        return self.run(self.store.update(lambda tx: tx.put(task)))

    def refuses(self, call: Callable[[Store], Awaitable[Any]], status: int, text: str) -> None:
        """The call is refused with exactly this, and nothing is changed."""
        before = self.view
        with pytest.raises(SkerryError) as caught:
            self.run(call(self.store))
        assert (caught.value.status, caught.value.message) == (status, text)
        assert self.view is before


def invalid(text: str) -> str:
    """A text of swarmkit's InvalidArgument."""
    return f"rpc error: code = InvalidArgument desc = {text}"
