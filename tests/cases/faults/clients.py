"""The clients, a process of their own: `python -m tests.cases.faults.clients SECONDS PLACES`, as JSON.

They wait for an answer for so many seconds: longer than a connection is held while nothing is ready.

Each request is a line on standard output: start (CLOCK_MONOTONIC, s), duration (ms), kind, outcome (ok,
reconnected, failed), the client's address and port, text. They go on until SIGTERM. A kept connection that is
closed or reset before the first byte of an answer is opened again, once, as every HTTP client does. A slow
one has a request in flight nearly all the time.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import msgspec

from proof.stream import Broken, Place, Stale, Stream, ask, pieces, plain

EVERY_S = 0.1
PROBES = {socket.TCP_KEEPIDLE: 5, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 12}
"""Every 5 s (and twelve times before it is given up) a quiet connection is asked whether it still is one, as
programs in Go do: whose other end a fault took away, with the word of that, learns it so."""
MANNERS = ("kept", "new", "slow")


class Target(msgspec.Struct, frozen=True):
    """Where some clients go."""

    kind: str
    host: str
    port: int
    netns: str = ""


async def asked(stream: Stream, manner: str) -> None:
    """One request on a fresh connection, which stays only if it is kept."""
    await stream.send(ask("/streamed" if manner == "slow" else "/", keep=manner == "kept"))
    await (pieces(stream, 5) if manner == "slow" else plain(stream))


class Client:
    """One client; `stream` is its connection, if it keeps one."""

    def __init__(self, target: Target, patience_s: float, stop: asyncio.Event, manner: str) -> None:
        self._target = target
        self._patience_s = patience_s
        self._stop = stop
        self._manner = manner
        self._stream: Stream | None = None
        self._source = ""

    async def run(self) -> None:
        """Ask until it is over."""
        while not self._stop.is_set():
            started = time.monotonic()
            outcome, text = await self._outcome()
            took = (time.monotonic() - started) * 1000
            kind = f"{self._target.kind} {self._manner}"
            print(f"{started:.6f}\t{took:.2f}\t{kind}\t{outcome}\t{self._source}\t{text}")
            if outcome == "failed" or self._manner != "kept":
                self._hang_up()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), max(0.0, started + EVERY_S - time.monotonic()))
        self._hang_up()

    async def _outcome(self) -> tuple[str, str]:
        try:
            async with asyncio.timeout(self._patience_s):
                why = await self._request()
        except (OSError, Broken, TimeoutError) as error:
            return "failed", f"{type(error).__name__} {error}".replace("\t", " ").replace("\n", " ")
        return ("reconnected", why) if why else ("ok", "")

    async def _request(self) -> str:
        why = ""
        if self._stream is not None:
            try:
                await _again(self._stream)
            except Stale as stale:
                self._hang_up()
                why = str(stale)
            else:
                return ""
        self._source = ""
        target = self._target
        plug = Place(target.host, target.netns).plug(socket.SOCK_STREAM)
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in PROBES.items():
            plug.setsockopt(socket.IPPROTO_TCP, option, value)
        plug.bind((_own_address(target), 0))
        self._source = "{}:{}".format(*plug.getsockname())
        self._stream = Stream(plug)
        await asyncio.get_running_loop().sock_connect(plug, (target.host, target.port))
        await asked(self._stream, self._manner)
        return why

    def _hang_up(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream = None


def _own_address(target: Target) -> str:
    """The address that a client has on its way to a target."""
    with Place(target.host, target.netns).plug(socket.SOCK_DGRAM) as plug:
        plug.connect((target.host, target.port))
        return str(plug.getsockname()[0])


async def _again(stream: Stream) -> None:
    """One more request; Stale where the connection was gone before its answer."""
    try:
        await stream.send(ask("/", keep=True))
        stream.data += await stream.more()
    except (ConnectionError, Broken) as error:
        raise Stale(str(error) or type(error).__name__) from error
    await plain(stream)


async def main(patience_s: float, targets: list[Target]) -> None:
    """All clients, until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    works: list[Callable[[], Awaitable[None]]] = [
        partial(Client(target, patience_s, stop, manner).run) for target in targets for manner in MANNERS
    ]
    await asyncio.gather(*(work() for work in works))
    print("end")


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    asyncio.run(main(float(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=list[Target])))
