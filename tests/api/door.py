"""A front door over a fake engine and an empty store, for the tests of the API."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from skerry.api.app import make_app
from skerry.api.deps import ApiDeps, HealthState
from skerry.api.door.frontdoor import Server, serve
from skerry.control import swarm
from skerry.engine.client import connect_engine
from skerry.engine.port import Engine
from skerry.model.objects import Network, Raw, Service, Task, TaskStatus
from skerry.model.spec import endpoint_of, template_of
from skerry.model.states import TaskState
from skerry.store.store import Store
from tests.api.fake_socket import FakeSocket
from tests.control.swarm_of_one import INIT, create_service, spec
from tests.support.memory import Clock, memory_store

RUN_DIR = "/run/skerry"
FILE_DIRS = (f"{RUN_DIR}/tasks", "/var/lib/skerry/resolv")


@dataclass
class Healthy:
    """A health as docker inspect shows it."""

    status: str = "healthy"

    def docker(self) -> Raw:
        """The value itself."""
        return {"Status": self.status, "FailingStreak": 0, "Log": []}


class KnownHealth:
    """An agent of which the tests know the answers."""

    def __init__(self) -> None:
        self.states: dict[str, Healthy] = {}
        self.listeners: list[Callable[[Task, str], None]] = []

    def health(self, task_id: str, /) -> HealthState | None:
        """What the test said."""
        return self.states.get(task_id)

    def on_health(self, heard: Callable[[Task, str], None], /) -> None:
        """Keep who listens."""
        self.listeners.append(heard)


@dataclass(frozen=True)
class Answer:
    """A whole answer: `head` is its header block in lower case."""

    status: int
    head: str
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)


@dataclass
class Door:
    """The front door and what is around it."""

    path: str
    server: Server
    store: Store
    clock: Clock
    engine: FakeSocket
    health: KnownHealth
    real: Engine
    allocated: list[str] = field(default_factory=list)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the front door."""
        return await asyncio.open_unix_connection(self.path, limit=1 << 20)

    async def raw(self, data: bytes) -> Answer:
        """Send bytes and no more, and read until the end."""
        reader, writer = await self.connect()
        writer.write(data)
        writer.write_eof()
        got = await reader.read(-1)
        writer.close()
        head, _, body = got.partition(b"\r\n\r\n")
        text = head.decode()
        if "transfer-encoding: chunked" in text.lower():
            body = unchunked(body)
        return Answer(int(text.split(" ")[1]), text.lower(), body)

    async def ask(self, method: str, target: str, body: object = None) -> Answer:
        """An ordinary request."""
        return await self.with_headers(method, target, body, {})

    async def with_headers(
        self, method: str, target: str, body: object, headers: Mapping[str, str]
    ) -> Answer:
        """The same with headers of its own."""
        own = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        data = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        length = (
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n" if body is not None else ""
        )
        return await self.raw(f"{method} {target} HTTP/1.1\r\nHost: d\r\n{own}{length}\r\n".encode() + data)


def unchunked(body: bytes) -> bytes:
    """The content of a chunked body."""
    found = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        found, body = found + rest[:length], rest[length + 2 :]
        if not length:
            break
    return found


@asynccontextmanager
async def front_door(answers: dict[str, object] | None = None, socket: str = "") -> AsyncIterator[Door]:
    """A front door; `answers` are the fake engine's, `socket` a real engine in its place."""
    with tempfile.TemporaryDirectory(prefix="door-") as folder:
        fake = FakeSocket(answers)
        own = f"{folder}/e.sock"
        async with fake.serving(own), _served(fake, Path(folder), socket or own) as door:
            yield door


@asynccontextmanager
async def _served(fake: FakeSocket, folder: Path, socket: str) -> AsyncIterator[Door]:
    clock = Clock()
    store = memory_store(clock=clock)
    engine, health = await connect_engine(socket), KnownHealth()
    fake.heads.clear()
    allocated: list[str] = []

    async def allocate(key: str) -> Network:
        network = store.view.networks[key]
        allocated.append(network.name)
        if engine.socket != f"{folder}/e.sock":
            await engine.create_network(bridge(network))
        return network

    deps = ApiDeps(store, engine, health, FILE_DIRS, allocate, clock=clock)
    server = await serve(f"{folder}/s.sock", make_app(deps), socket)
    try:
        yield Door(f"{folder}/s.sock", server, store, clock, fake, health, engine, allocated)
    finally:
        await server.close()
        await engine.close()


def bridge(network: Network) -> Raw:
    """The engine's network behind one of ours."""
    return {
        "Name": network.engine_name,
        "Labels": {"skerry.network": network.id},
        "Options": {"com.docker.network.bridge.name": network.bridge},
        "IPAM": {"Config": [{"Subnet": network.subnet, "Gateway": network.gateway}]},
    }


def check(test: Callable[[Door], Awaitable[None]], answers: dict[str, object] | None = None) -> None:
    """Run a test behind a front door."""

    async def run() -> None:
        async with asyncio.timeout(15), front_door(answers) as door:
            await test(door)

    asyncio.run(run())


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; the test's own time-out bounds it."""
    while not condition():
        await asyncio.sleep(0.005)


Test = Callable[[Door], Coroutine[Any, Any, None]]


async def swarmed(door: Door) -> None:
    """Make a swarm."""
    await swarm.init(door.store, INIT, "vm", {"Hostname": "vm"})


async def running(door: Door, name: str = "app", **more: Any) -> tuple[Service, Task]:
    """A service with one running task, as the loops would have made it."""
    key, _ = await create_service(door.store, spec(name, **more))
    service = door.store.view.services[key]
    task = Task(
        f"{name}task",
        service.id,
        service.name,
        "node",
        template_of(service.spec),
        endpoint_of(service.spec),
        service.spec_version,
        TaskState.RUNNING,
        TaskStatus(TaskState.RUNNING, 0, "started", container_id="c1"),
        slot=1,
        labels=service.spec.raw["Labels"],
    )
    return service, await door.store.update(lambda tx: tx.put(task))
