"""Which legs DNS listens on: one UDP and one TCP socket each, bound to the leg's own address."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from functools import partial

from skerry.gate.dns import Answerer, Datagrams, serve_stream
from skerry.gate.hold import Namespace
from skerry.model.traffic import Segment

PORT = 53
IP_FREEBIND = 15
"""The leg's address may come after the socket."""


class DnsListeners:
    """Listens on exactly the legs of the current state."""

    def __init__(self, answerer: Answerer, namespace: Namespace, port: int = PORT) -> None:
        self._answerer = answerer
        self._namespace = namespace
        self._port = port
        self._open: dict[str, tuple[asyncio.BaseTransport, asyncio.Server]] = {}

    async def update(self, segments: Iterable[Segment]) -> None:
        """Open and close listeners. Raises OSError where a leg's port 53 is taken."""
        wanted = {segment.leg for segment in segments}
        for leg in self._open.keys() - wanted:
            self._close(leg)
        for leg in wanted - self._open.keys():
            self._open[leg] = await self._listen(leg)

    async def _listen(self, leg: str) -> tuple[asyncio.BaseTransport, asyncio.Server]:
        datagrams, stream = await self._namespace.udp(), await self._namespace.tcp()
        try:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            for bound in (datagrams, stream):
                bound.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)
                bound.bind((leg, self._port))
        except OSError:
            datagrams.close()
            stream.close()
            raise
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            partial(Datagrams, self._answerer, leg), sock=datagrams
        )
        server = await asyncio.start_server(partial(serve_stream, self._answerer, leg), sock=stream)
        return transport, server

    def _close(self, leg: str) -> None:
        transport, server = self._open.pop(leg)
        transport.close()
        server.close()

    def stop(self) -> None:
        """Close all."""
        for leg in list(self._open):
            self._close(leg)
