"""Copies of the gate's listening sockets, kept by skerryd: a gate that is killed closes no port.

What arrives while no gate runs waits in the kernel, until the next one has the same sockets.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from skerry.gate import socket_passing
from skerry.gate.hold import key_of
from skerry.gate.message import Desired
from skerry.gate.socket_passing import Item, Parcel
from skerry.linux.families import spoken


class SocketCopies:
    """The copies. They follow what the gate says that it holds: a port that it let go of is let go here."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: dict[tuple[str, str], tuple[Item, int]] = {}
        self._wanted: set[tuple[str, str]] = set()
        self._asking: asyncio.Task[None] | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to start a gate with."""
        return bool(self._kept)

    def inside(self) -> int | None:
        """A socket in the gate's namespace, which lives as long as that does; None where there is none."""
        return next((handle for item, handle in self._kept.values() if item.kind == "hold"), None)

    def follow(self, ports: Iterable[str], legs: Iterable[str]) -> None:
        """The gate holds these ports, and answers names on these legs."""
        self._wanted = {("port", key) for key in ports} | {("hold", key_of(family)) for family in spoken()}
        self._wanted |= {(kind, leg) for kind in ("udp", "tcp") for leg in legs}
        self._drop_others()
        missing = self._wanted - self._kept.keys()
        if missing and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask(), name="socket copies")

    async def _ask(self) -> None:
        with suppress(OSError):
            connection, parcel = await socket_passing.ask(self._path, socket_passing.KEEP)
            connection.close()
            self.drop()
            for item, handle in parcel:
                if item.kind == "desired":
                    os.close(handle)
                else:
                    self._kept[item.kind, item.key] = (item, handle)
            self._drop_others()

    def _drop_others(self) -> None:
        for place in self._kept.keys() - self._wanted:
            socket_passing.close_all([self._kept.pop(place)])

    def give(self, taker: socket.socket, desired: Desired) -> None:
        """Give all to a gate that starts, with the state that it shall have. Blocks. Raises OSError."""
        state = socket_passing.as_file(desired)
        try:
            parcel: Parcel = [*self._kept.values(), (Item("desired"), state)]
            socket_passing.give(taker, parcel)
        finally:
            os.close(state)
        if taker.recv(16) != socket_passing.TAKEN:
            raise ConnectionError("it ended before it served")
        socket_passing.give(taker, [])

    def drop(self) -> None:
        """Close all."""
        socket_passing.close_all(self._kept.values())
        self._kept = {}

    async def close(self) -> None:
        """Close all, and ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        self.drop()
