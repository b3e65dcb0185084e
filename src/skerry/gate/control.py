"""The control socket: skerryd says what shall be, the gate answers what is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import structlog

from skerry.gate.message import LINE_LIMIT, Desired, Status, encode, read_desired
from skerry.gate.relay import Acceptor
from skerry.gate.socket_passing import listen

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
        self._acceptor: Acceptor | None = None
        self._ended = False

    def start(self) -> None:
        """Listen; takes the place of a former gate's socket, which may still be there."""
        # not asyncio's server: who is being accepted while that closes is left without an answer or an end
        self._acceptor = Acceptor(listen(self._path, socket.SOCK_STREAM), self._serve, "control")

    async def _serve(self, connection: socket.socket) -> None:
        """Say the status, apply the state that comes, and so on, until the other side ends."""
        reader, writer = await asyncio.open_unix_connection(sock=connection, limit=LINE_LIMIT)
        self._writers.add(writer)
        try:
            while not self._ended:
                writer.write(encode(self._status()))
                await writer.drain()
                if not await self._apply_next(reader):
                    break
        except (OSError, ValueError, msgspec.DecodeError) as error:  # ValueError: a line beyond the limit
            log.warning("control connection ended", error=str(error))
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _apply_next(self, reader: asyncio.StreamReader) -> bool:
        """Apply the next state that is said; False where none comes, or not to us any more."""
        line = await reader.readline()
        if not line:
            return False
        desired = read_desired(line)
        async with self._one_at_a_time:
            if self._ended:
                return False
            await self._apply(desired)
        return True

    def publish(self) -> None:
        """Send the status to all who are connected."""
        line = encode(self._status())
        for writer in self._writers:
            writer.write(line)

    @property
    def busy(self) -> asyncio.Lock:
        """Held while a state is applied; who holds it keeps the next one waiting."""
        return self._one_at_a_time

    def stop_serving(self) -> None:
        """Stop serving; the socket's place in the file system is another gate's by now."""
        self._ended = True
        if self._acceptor:
            self._acceptor.stop_listening()
        for writer in self._writers:
            writer.close()

    def stop(self) -> None:
        """Stop serving and remove the socket."""
        self.stop_serving()
        self._path.unlink(missing_ok=True)
