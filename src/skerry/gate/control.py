"""The control socket: skerryd says what shall be, the gate answers what is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import structlog

from skerry.gate.message import LINE_LIMIT, Desired, Status, encode, read_desired

log = structlog.get_logger()

Apply = Callable[[Desired], Awaitable[None]]


class Control:
    """Serves `<run>/gate.sock`. Any number may listen to the status; the last state said wins."""

    def __init__(self, path: Path, apply: Apply, status: Callable[[], Status]) -> None:
        self._path = path
        self._apply = apply
        self._status = status
        self._writers: set[asyncio.StreamWriter] = set()
        self._one_at_a_time = asyncio.Lock()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; takes the place of a former gate's socket, which may still be there."""
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, fresh, limit=LINE_LIMIT)
        finally:
            os.umask(before)
        fresh.rename(self._path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            writer.write(encode(self._status()))
            while line := await reader.readline():
                desired = read_desired(line)
                async with self._one_at_a_time:
                    await self._apply(desired)
                writer.write(encode(self._status()))
                await writer.drain()
        except (OSError, ValueError, msgspec.DecodeError) as error:  # ValueError: a line beyond the limit
            log.warning("control connection ended", error=str(error))
        finally:
            self._writers.discard(writer)
            writer.close()

    def tell(self) -> None:
        """Send the status to all who are connected."""
        line = encode(self._status())
        for writer in self._writers:
            writer.write(line)

    @property
    def busy(self) -> asyncio.Lock:
        """Held while a state is applied; who holds it keeps the next one waiting."""
        return self._one_at_a_time

    def hang_up(self) -> None:
        """Stop serving; the socket's place in the file system is another gate's by now."""
        if self._server:
            self._server.close()
        for writer in self._writers:
            writer.close()

    def stop(self) -> None:
        """Stop serving and remove the socket."""
        self.hang_up()
        self._path.unlink(missing_ok=True)
