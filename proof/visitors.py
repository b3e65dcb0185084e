"""Clients that come through proxies: `python -m proof.visitors VISITS`, as JSON; each is a line as in
`proof.clients`. Where a proxy keeps connections, they keep theirs to it.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable
from functools import partial

import msgspec

from proof.recorder import Recorder, record
from proof.stream import Place, Stream, plain


class Visit(msgspec.Struct, frozen=True):
    """Who asks where, for which Host, by which method, how often (s); `which` tells its requests from other
    ones of the same client."""

    client: str
    place: Place
    port: int
    host: str
    method: str
    keep: bool
    every: float
    which: str


class Visitors(Recorder):
    """All of them. Proxies are as patient as connections are held, and so are these."""

    patience_s = 40.0

    def __init__(self, visits: list[Visit]) -> None:
        super().__init__()
        self.visits = visits

    def works(self) -> list[Awaitable[None]]:
        return [self.visit(one) for one in self.visits]

    async def visit(self, visit: Visit) -> None:
        """One client, which does not begin when all others do."""
        await self.pause(asyncio.get_running_loop().time() + visit.every * random.random())
        opened = partial(Stream.open, visit.place, visit.port)
        request = _request(visit)

        async def once() -> None:
            stream = await opened()
            try:
                await stream.send(request)
                await plain(stream)
            finally:
                stream.close()

        if visit.keep:
            await self.keep_alive(visit.client, opened, lambda: request, visit.every, visit.which)
        else:
            await self.loop(visit.client, once, visit.every, spare=visit.method == "POST", which=visit.which)


def _request(visit: Visit) -> bytes:
    fields = [f"Host: {visit.host}", *([] if visit.keep else ["Connection: close"])]
    if visit.method == "POST":
        return "\r\n".join(["POST /post HTTP/1.1", *fields, "Content-Length: 4", "", "body"]).encode()
    return "\r\n".join([f"{visit.method} / HTTP/1.1", *fields, "", ""]).encode()


if __name__ == "__main__":
    asyncio.run(record(Visitors(msgspec.json.decode(sys.argv[1], type=list[Visit]))))
