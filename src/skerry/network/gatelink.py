"""skerryd's end of the gate's control socket: attach to a running gate, start one where none runs."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import time_ns

import msgspec

from skerry.gate.message import LINE_LIMIT, Desired, Status, encode, read_status
from skerry.model.traffic import Traffic
from skerry.network.errors import NetworkError

ANSWER_S = 20.0
START_S = 10.0
POLL_S = 0.02
BACKOFF_S = 0.5


class GateLink:
    """Keeps a gate alive and told. `on_status` hears every status, `on_event` what happens, in words."""

    def __init__(
        self,
        run_dir: Path,
        namespace: Path,
        on_status: Callable[[Status], None],
        on_event: Callable[[str], None],
    ) -> None:
        self._run_dir = run_dir
        self._namespace = namespace
        self._on_status = on_status
        self._on_event = on_event
        self._serial = time_ns()  # never that of a former skerryd
        self._desired: Desired | None = None
        self._status: Status | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._news = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def serial(self) -> int:
        """Of the last state that was said."""
        return self._serial

    @property
    def status(self) -> Status | None:
        """What the gate said last; None while there is no connection to it."""
        return self._status

    async def start(self) -> None:
        """Attach, or start a gate and attach. NetworkError where it does not come up."""
        reader = await self._attach()
        self._keeper = asyncio.create_task(self._keep(reader), name="gate link")

    async def say(self, traffic: Traffic, upstreams: tuple[str, ...]) -> Status:
        """Tell the gate a new state; its status once that is applied. NetworkError after a while."""
        self._serial += 1
        self._desired = Desired(self._serial, traffic, upstreams)
        self._send()
        try:
            async with asyncio.timeout(ANSWER_S):
                while self._status is None or self._status.serial != self._desired.serial:
                    if self._keeper is None or self._keeper.done():
                        raise NetworkError("the gate is not running")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise NetworkError(f"the gate did not answer in {ANSWER_S:.0f} s") from None
        return self._status

    async def detach(self) -> None:
        """Leave the gate running and let go of it."""
        if self._keeper:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        self._hang_up()

    async def stop(self) -> None:
        """End the gate, ours or a former skerryd's, and wait until it has ended."""
        await self.detach()
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, status = await self._connect()
            await self._end(reader, status)

    def _send(self) -> None:
        if self._writer and self._desired:
            self._writer.write(encode(self._desired))

    async def _keep(self, reader: asyncio.StreamReader) -> None:
        while True:
            with suppress(OSError, msgspec.DecodeError):
                while line := await reader.readline():
                    self._heard(read_status(line))
            self._hang_up()
            self._on_event("the gate ended: starting another")
            while True:
                try:
                    reader = await self._attach()
                    break
                except (NetworkError, OSError, msgspec.DecodeError) as error:
                    self._on_event(f"the gate does not start: {error}")
                    await asyncio.sleep(BACKOFF_S)

    def _heard(self, status: Status) -> None:
        self._status = status
        self._news.set()
        self._on_status(status)

    def _hang_up(self) -> None:
        if self._writer:
            self._writer.close()
        self._writer = None
        self._status = None

    async def _attach(self) -> asyncio.StreamReader:
        try:
            reader, status = await self._connect()
            if status.namespace != self._namespace.stat().st_ino:  # left over from a namespace that is gone
                await self._end(reader, status)
                reader, status = await self._launch()
        except (OSError, asyncio.IncompleteReadError):
            reader, status = await self._launch()
        self._heard(status)
        self._send()
        return reader

    async def _connect(self) -> tuple[asyncio.StreamReader, Status]:
        reader, writer = await asyncio.open_unix_connection(self._run_dir / "gate.sock", limit=LINE_LIMIT)
        self._hang_up()
        self._writer = writer
        async with asyncio.timeout(START_S):
            line = await reader.readuntil()
        return reader, read_status(line)

    async def _launch(self) -> tuple[asyncio.StreamReader, Status]:
        self._run_dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "skerry.gate", "--run-dir", str(self._run_dir)]
        with (self._run_dir / "gate.log").open("ab") as log:
            starter = await asyncio.create_subprocess_exec(
                *["setsid", "--fork", *command, "--netns", self._namespace.name],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            await starter.wait()
        deadline = asyncio.get_running_loop().time() + START_S
        while asyncio.get_running_loop().time() < deadline:
            with suppress(OSError, asyncio.IncompleteReadError):
                return await self._connect()
            await asyncio.sleep(POLL_S)
        raise NetworkError(f"the gate did not start: see {self._run_dir / 'gate.log'}")

    async def _end(self, reader: asyncio.StreamReader, status: Status) -> None:
        with suppress(ProcessLookupError):
            os.kill(status.pid, signal.SIGTERM)
        with suppress(OSError):
            async with asyncio.timeout(START_S):
                while await reader.readline():
                    pass
        self._hang_up()
