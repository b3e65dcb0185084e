"""The Docker Engine over its unix socket: `engine.port.Engine` for real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec

from skerry.engine import execution
from skerry.engine.http import Wire
from skerry.engine.port import EngineError, ExecResult
from skerry.engine.shared_events import Filters, SharedEvents, are_shared
from skerry.engine.streams import json_lines
from skerry.model.objects import Raw

ALREADY_CONNECTED = "already exists in network"
ALREADY_REMOVING = "is already in progress"
REMOVAL_POLL_S = 0.1
REMOVAL_TRIES = 100


async def connect_engine(socket: str) -> DockerEngine:
    """The engine at a unix socket's path. Raises EngineUnreachable, with a sentence, where none answers."""
    engine = DockerEngine(Wire(socket))
    try:
        await engine.meet()
    except BaseException:
        await engine.close()
        raise
    return engine


def expect_engine(socket: str, admit: Callable[[], Awaitable[None]]) -> DockerEngine:
    """The engine that is or will be at a socket; it is admitted before anything is asked of it."""
    return DockerEngine(Wire(socket, admit))


class DockerEngine:
    """See `skerry.engine.port.Engine` for what each call means."""

    def __init__(self, wire: Wire) -> None:
        self.socket = wire.socket
        self.wire = wire
        """The HTTP beneath, for requests that are passed on."""
        self._shared_events = SharedEvents(self._events)

    async def meet(self) -> None:
        """Return once it answers and may be used; EngineUnreachable says why it does not."""
        await self.wire.meet()

    def doubt(self) -> None:
        """It may have ended: before the next request it is met again."""
        self.wire.doubt()

    async def until_gone(self) -> None:
        """Return when it has ended, or closed a connection that asks nothing, and is to be met again.

        It is met beside that connection: from then on none can take its place unnoticed. Raises OSError and
        what `meet` raises.
        """
        try:
            reader, writer = await asyncio.open_unix_connection(self.socket)
            try:
                self.doubt()
                await self.meet()
                await reader.read()
            finally:
                writer.close()
        finally:
            self.doubt()

    async def get(self, path: str, **query: str) -> Raw:
        """GET of a JSON object."""
        return msgspec.convert(await self.wire.call("GET", path, query), Raw)

    async def get_list(self, path: str, **query: str) -> list[Raw]:
        """GET of a JSON array."""
        return msgspec.convert(await self.wire.call("GET", path, query) or [], list[Raw])

    async def post(self, path: str, body: Raw | None = None, **query: str) -> Raw:
        """POST of a JSON object."""
        answer = await self.wire.call("POST", path, query, body)
        return answer if isinstance(answer, dict) else {}

    async def inspect_image(self, reference: str) -> Raw | None:
        """The image's JSON, or None."""
        return await self._get_or_none(f"/images/{reference}/json")

    async def inspect_container(self, container: str) -> Raw | None:
        """The container's JSON, or None."""
        return await self._get_or_none(f"/containers/{container}/json")

    async def _get_or_none(self, path: str) -> Raw | None:
        try:
            return await self.get(path)
        except EngineError as error:
            if error.status == 404:
                return None
            raise

    async def pull(self, reference: str, auth: str = "") -> None:
        """Pull an image. What goes wrong on the way comes inside the stream, and is raised from there."""
        headers = {"X-Registry-Auth": auth} if auth else {}
        query = {"fromImage": tagged(reference)}
        async with self.wire.request(
            "POST", "/images/create", query, headers=headers, endless=True
        ) as response:
            async for progress in json_lines(self.wire.chunks(response)):
                if "error" in progress:
                    raise EngineError(500, str(progress["error"]))

    async def create_container(self, name: str, body: Raw) -> str:
        """Create a container; a taken name means that it was created before."""
        try:
            return str((await self.post("/containers/create", body, name=name))["Id"])
        except EngineError as error:
            if error.status == 409 and (existing := await self.inspect_container(name)) is not None:
                return str(existing["Id"])
            raise

    async def start_container(self, container: str) -> None:
        """Start it; 304 is success."""
        await self.wire.call("POST", f"/containers/{container}/start")

    async def stop_container(self, container: str, grace_s: int) -> None:
        """Stop it; 304 (stopped) and 404 (gone) are success."""
        try:
            await self.wire.call("POST", f"/containers/{container}/stop", {"t": str(grace_s)}, endless=True)
        except EngineError as error:
            if error.status != 404:
                raise

    async def remove_container(self, container: str) -> None:
        """Remove it; gone, and being removed by somebody else, is success once it is gone."""
        try:
            await self.wire.call("DELETE", f"/containers/{container}", {"force": "1", "v": "1"})
        except EngineError as error:
            if error.status == 404:
                return
            if error.status != 409 or ALREADY_REMOVING not in error.message:
                raise
            await self._until_gone(container, error)

    async def _until_gone(self, container: str, error: EngineError) -> None:
        for _ in range(REMOVAL_TRIES):
            if await self.inspect_container(container) is None:
                return
            await asyncio.sleep(REMOVAL_POLL_S)
        raise error

    async def exec(
        self, container: str, command: list[str], timeout_s: float, user: str = "", options: Raw | None = None
    ) -> ExecResult:
        """Run a command inside."""
        body = {**(options or {}), "Cmd": command, **({"User": user} if user else {})}
        return await execution.run(self.wire, container, body, timeout_s)

    def events(self, **filters: list[str]) -> AbstractAsyncContextManager[AsyncIterator[Raw]]:
        """Subscribe to events."""
        return self._shared_events.subscribed(filters) if are_shared(filters) else self._events(filters)

    @asynccontextmanager
    async def _events(self, filters: Filters) -> AsyncIterator[AsyncIterator[Raw]]:
        """A stream of one's own; the engine sends the answer's head when it listens."""
        query = {"filters": msgspec.json.encode(filters).decode()}
        async with self.wire.request("GET", "/events", query, endless=True) as response:
            try:
                yield json_lines(self.wire.chunks(response))
            finally:
                self.wire.doubt()  # an engine that is stopped ends them in an orderly way

    @asynccontextmanager
    async def logs(self, container: str, **query: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """A container's log, in the engine's own framing."""
        path = f"/containers/{container}/logs"
        async with self.wire.request("GET", path, query, endless=True) as response:
            yield self.wire.chunks(response)

    @asynccontextmanager
    async def saved_images(self, names: list[str]) -> AsyncIterator[AsyncIterator[bytes]]:
        """Images as one tar, which has what they share once."""
        async with self.wire.request("GET", "/images/get", {"names": names}, endless=True) as response:
            yield self.wire.chunks(response)

    async def remove_image(self, reference: str) -> None:
        """Remove a tag, and an image that nothing else names; gone is success."""
        try:
            await self.wire.call("DELETE", f"/images/{reference}")
        except EngineError as error:
            if error.status != 404:
                raise

    async def create_network(self, body: Raw) -> str:
        """Create a network; a taken name means that it was created before."""
        try:
            return str((await self.post("/networks/create", {**body, "CheckDuplicate": True}))["Id"])
        except EngineError as error:
            if (
                error.status == 409
                and (existing := await self._get_or_none(f"/networks/{body['Name']}")) is not None
            ):
                return str(existing["Id"])
            raise

    async def remove_network(self, network: str) -> None:
        """Remove it; gone is success."""
        try:
            await self.wire.call("DELETE", f"/networks/{network}")
        except EngineError as error:
            if error.status != 404:
                raise

    async def remove_volume(self, name: str) -> None:
        """Remove a volume; gone is success. Raises EngineError 409 while a container has it."""
        try:
            await self.wire.call("DELETE", f"/volumes/{name}")
        except EngineError as error:
            if error.status != 404:
                raise

    async def connect(self, network: str, container: str, config: Raw) -> None:
        """Connect a container to a network; already connected is success."""
        body: dict[str, Any] = {"Container": container, "EndpointConfig": config}
        try:
            await self.post(f"/networks/{network}/connect", body)
        except EngineError as error:
            if ALREADY_CONNECTED not in error.message:
                raise

    async def close(self) -> None:
        """Let go of its connections."""
        await self.wire.close()


def tagged(reference: str) -> str:
    """The reference with a tag: without one, the engine would pull every tag of the repository."""
    name = reference.rpartition("/")[2]
    return reference if ":" in name or "@" in name else f"{reference}:latest"
