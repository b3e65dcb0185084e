"""Clients that are coroutines of one process, and write a line for each request on standard output."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress

from proof.stream import Broken, Stale, Stream, plain

PATIENCE_S = 12.0


class Recorder(ABC):
    """Clients that go on until they are told to end. `lines` are the requests that have ended and are not
    written yet."""

    patience_s = PATIENCE_S
    over = ""
    """How the names of all kinds end."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.stop = asyncio.Event()
        self.many = asyncio.Event()
        self.many.set()

    @abstractmethod
    def works(self) -> list[Awaitable[None]]:
        """What runs at the same time: each one client."""

    def end(self) -> None:
        """Let every client end what it is at, and no more."""
        self.stop.set()
        self.many.set()

    async def loop(
        self,
        kind: str,
        once: Callable[[], Awaitable[object]],
        every: float,
        *,
        spare: bool = False,
        which: str = "",
    ) -> None:
        """One client of a kind that starts anew each time; a spare one only where there are many."""
        while not self.stop.is_set():
            if spare and not self.many.is_set():
                await self.many.wait()
                continue
            started = time.monotonic()
            await self.recorded(kind, started, once(), which)
            await self.pause(started + every)

    async def keep_alive(
        self,
        kind: str,
        opened: Callable[[], Awaitable[Stream]],
        request: Callable[[], bytes],
        every: float,
        which: str = "",
    ) -> None:
        """One client that reuses its connection."""
        stream: Stream | None = None

        async def get() -> str:
            nonlocal stream
            asks = request()
            if stream is not None:
                try:
                    await _reused(stream, asks)
                except Stale as stale:
                    stream.close()
                    stream = None
                    why = str(stale)
                else:
                    return ""
            else:
                why = ""
            stream = await opened()
            await stream.send(asks)
            await plain(stream)
            return why

        while not self.stop.is_set():
            started = time.monotonic()
            if not await self.recorded(kind, started, get(), which) and stream is not None:
                stream.close()
                stream = None
            await self.pause(started + every)
        if stream is not None:
            stream.close()

    async def recorded(self, kind: str, started: float, work: Awaitable[object], which: str = "") -> bool:
        """Whether a request went well; `which` of several that are one kind is told where it did not."""
        outcome, text = "ok", ""
        try:
            async with asyncio.timeout(self.patience_s):
                said = await work
            if isinstance(said, str) and said:
                outcome, text = "reconnected", said
        except (OSError, Broken, TimeoutError) as error:
            outcome, text = "failed", f"{type(error).__name__} {error}".replace("\t", " ").replace("\n", " ")
        took = (time.monotonic() - started) * 1000
        text = f"{which}: {text}" if which and text else text
        self.lines.append(f"{started:.6f}\t{took:.2f}\t{kind}{self.over}\t{outcome}\t{text}")
        return outcome != "failed"

    async def pause(self, until: float) -> None:
        """Wait until an instant, or the end."""
        left = until - time.monotonic()
        if left > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), left)

    async def speak(self) -> None:
        """Write what was recorded, a few times a second."""
        while True:
            await asyncio.sleep(0.1)
            self.flush()

    def flush(self) -> None:
        """Write what was recorded."""
        lines, self.lines = self.lines, []
        if lines:
            sys.stdout.write("\n".join(lines) + "\n")
            sys.stdout.flush()


async def _reused(stream: Stream, asks: bytes) -> None:
    try:
        await stream.send(asks)
        stream.data += await stream.more()
    except (ConnectionError, Broken) as error:
        raise Stale(str(error)) from error
    await plain(stream)


async def record(clients: Recorder) -> None:
    """All clients until SIGTERM."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, clients.end)
    loop.add_signal_handler(signal.SIGUSR1, clients.many.clear)
    loop.add_signal_handler(signal.SIGUSR2, clients.many.set)
    speaking = asyncio.create_task(clients.speak())
    await asyncio.gather(*clients.works())
    speaking.cancel()
    clients.flush()
    sys.stdout.write("end\n")
