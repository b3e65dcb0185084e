"""Which legs DNS listens on: one UDP and one TCP socket each, bound to the leg's own address."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from functools import partial

from skerry.gate.answerer import Answerer
from skerry.gate.dns import STREAMS_OF_CLIENT, Datagrams, serve_stream
from skerry.gate.hold import Namespace
from skerry.gate.relay import Acceptor
from skerry.gate.shares import Quota
from skerry.gate.socket_passing import Inherited, Item, Parcel
from skerry.model.family import FOUR, SIX, family_of
from skerry.model.traffic import Segment

PORT = 53
BACKLOG = 128
FREEBIND = {FOUR: (socket.SOL_IP, 15), SIX: (socket.IPPROTO_IPV6, 78)}
"""The leg's address may come after the socket: how each family is told."""


class DnsListeners:
    """Listens on exactly the legs of the current state."""

    def __init__(
        self, answerer: Answerer, namespace: Namespace, inherited: Inherited, port: int = PORT
    ) -> None:
        self._answerer = answerer
        self._inherited = inherited
        self._namespace = namespace
        self._port = port
        self._open: dict[str, tuple[Datagrams, Acceptor]] = {}

    async def update(self, segments: Iterable[Segment]) -> None:
        """Open and close listeners. Raises OSError where a leg's port 53 is taken."""
        legs = {block.leg for segment in segments for block in segment.blocks}
        for leg in self._open.keys() - legs:
            self._close(leg)
        for leg in legs - self._open.keys():
            self._open[leg] = await self._listen(leg)

    async def _listen(self, leg: str) -> tuple[Datagrams, Acceptor]:
        """The two sockets of a leg, inherited or made. Raises OSError."""
        datagrams, stream = self._inherited.get("udp", leg), self._inherited.get("tcp", leg)
        if datagrams is None or stream is None:
            family = family_of(leg)
            datagrams, stream = await self._namespace.udp(family), await self._namespace.tcp(family)
            try:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                for bound in (datagrams, stream):
                    bound.setsockopt(*FREEBIND[family], 1)
                    bound.bind((leg, self._port))
            except OSError:
                datagrams.close()
                stream.close()
                raise
            stream.listen(BACKLOG)
        serve = partial(serve_stream, self._answerer, leg, Quota(STREAMS_OF_CLIENT))
        streams = Acceptor(stream, serve, f"names on {leg}")
        return Datagrams(self._answerer, leg, datagrams), streams

    def parcel(self) -> Parcel:
        """The sockets of all legs, for another gate."""
        parcel: Parcel = []
        for leg, (datagrams, streams) in self._open.items():
            parcel += [(Item("udp", leg), datagrams.handle), (Item("tcp", leg), streams.handle)]
        return parcel

    async def finish(self) -> None:
        """Take no more questions, answer those that came."""
        former, self._open = self._open, {}
        for _, streams in former.values():
            streams.stop_listening()
        works = [datagrams.finish() for datagrams, _ in former.values()]
        await asyncio.gather(*works, *(streams.finish() for _, streams in former.values()))

    def _close(self, leg: str) -> None:
        datagrams, streams = self._open.pop(leg)
        datagrams.close()
        streams.stop_listening()

    def stop(self) -> None:
        """Close all."""
        for leg in list(self._open):
            self._close(leg)
