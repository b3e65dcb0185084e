"""A door over a fake engine that is served at a port with TLS, and its users."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.api.app import make_app
from skerry.api.deps import ApiDeps
from skerry.api.door.frontdoor import Server, serve
from skerry.api.remote import RemoteListeners
from skerry.control import listeners, swarm, users
from skerry.engine.client import connect_engine
from skerry.model.conditions import Conditions
from skerry.model.objects import Network
from skerry.store.audit import AuditLog
from skerry.store.store import Store
from tests.api.door import FILE_DIRS, KnownHealth, unchunked
from tests.api.fake_socket import FakeSocket
from tests.control.swarm_of_one import INIT
from tests.support.memory import memory_store


@dataclass
class Harbour:
    """A door over a fake engine, served at a port."""

    store: Store
    server: Server
    remote: RemoteListeners
    audit: AuditLog
    engine: FakeSocket
    port: int
    folder: Path

    async def user(self, name: str, role: str, **more: Any) -> ssl.SSLContext:
        """A new user's side of TLS."""
        admitted = await users.add(self.store, {"Name": name, "Role": role, **more})
        (self.folder / name).mkdir()
        (self.folder / name / "ca.pem").write_text(admitted.authority)
        (self.folder / name / "cert.pem").write_text(admitted.issued.certificate)
        (self.folder / name / "key.pem").write_text(admitted.issued.key)
        context = ssl.create_default_context(cadata=admitted.authority)
        context.load_cert_chain(self.folder / name / "cert.pem", self.folder / name / "key.pem")
        return context

    async def connect(self, context: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection of a user's."""
        return await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=context, server_hostname="localhost", limit=1 << 22
        )

    async def ask(self, context: ssl.SSLContext, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status of an answer, and its JSON or its text."""
        data = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Length: {len(data)}\r\n"
        kind = "Content-Type: application/json\r\n" if data else ""
        reader, writer = await self.connect(context)
        writer.write(f"{head}{kind}\r\n".encode() + data)
        got = await reader.read(-1)
        writer.close()
        head, _, text = got.decode().partition("\r\n\r\n")
        if "transfer-encoding: chunked" in head.lower():
            text = unchunked(text.encode()).decode()
        try:
            return int(head.split()[1]), json.loads(text)
        except ValueError:
            return int(head.split()[1]), text


@asynccontextmanager
async def harbour(folder: Path, answers: dict[str, object] | None = None) -> AsyncIterator[Harbour]:
    """One of them."""
    fake, store = FakeSocket(answers), memory_store()
    store._clock = time.time_ns  # certificates are held against the real time
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with fake.serving(f"{folder}/e.sock"):
        engine = await connect_engine(f"{folder}/e.sock")
        remote = RemoteListeners(store, time.time_ns, dict, Conditions())
        audit = AuditLog(folder / "audit.log")

        async def allocate(key: str) -> Network:
            return store.view.networks[key]

        deps = ApiDeps(
            store,
            engine,
            KnownHealth(),
            FILE_DIRS,
            allocate,
            clock=time.time_ns,
            audit=audit,
            listens=remote.listens,
        )
        server = await serve(f"{folder}/s.sock", make_app(deps), f"{folder}/e.sock")
        remote.attach(server)
        await swarm.init(store, INIT, "vm", {"Hostname": "vm"})
        await listeners.add(store, listeners.read_address(f"tcp://127.0.0.1:{port}"))
        running = asyncio.create_task(remote.run())
        try:
            assert await remote.listens(f"tcp://127.0.0.1:{port}") == ""
            yield Harbour(store, server, remote, audit, fake, port, folder)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            remote.close()
            await server.close()
            await engine.close()


def check(
    folder: Path, test: Callable[[Harbour], Awaitable[None]], answers: dict[str, object] | None = None
) -> None:
    """Run a test in a harbour."""

    async def run() -> None:
        async with asyncio.timeout(60), harbour(folder, answers) as place:
            await test(place)

    asyncio.run(run())
