"""skerryd's end of the gate's control socket: attach to a running gate, start one where none runs.

The gate outlives skerryd, so a start begins with a look at who serves: a gate of this version is kept, one of
another is replaced by a successor that takes its sockets, one in a namespace that is gone is ended. Where the
gate dies, the next one inherits the copies that skerryd keeps of its sockets, and no port closes. Every gate
gets the last desired state, and `say` returns when the gate has applied it, whichever gate that is.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import time_ns

import msgspec

from skerry import __version__
from skerry.gate.message import LINE_LIMIT, Desired, ResolverOptions, Status, encode, read_status
from skerry.linux.processes import command_line
from skerry.logs import last_words
from skerry.model.errors import NetworkError
from skerry.model.settings import GatePaths
from skerry.model.traffic import Traffic
from skerry.network.copies import SocketCopies

ANSWER_S = 20.0
START_S = 10.0
FIRST_WORD_S = 2.0
"""A gate says its status as soon as it is asked; one that ends meanwhile may not, and another is asked."""
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
        self._paths = GatePaths(run_dir)
        self.copies = SocketCopies(self._paths.handover)
        self._namespace = namespace
        self._on_status = on_status
        self._on_event = on_event
        self._serial = time_ns()  # never that of a former skerryd
        self._desired: Desired | None = None
        self._status: Status | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._changed = asyncio.Event()
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

    async def say(self, traffic: Traffic, upstreams: tuple[str, ...], resolver: ResolverOptions) -> Status:
        """Tell the gate a new state; its status once that is applied. NetworkError after a while."""
        self._serial += 1
        self._desired = Desired(self._serial, traffic, upstreams, resolver)
        self._send()
        try:
            async with asyncio.timeout(ANSWER_S):
                while self._status is None or self._status.serial != self._desired.serial:
                    if self._keeper is None or self._keeper.done():
                        raise NetworkError("the gate is not running")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise NetworkError(f"the gate did not answer in {ANSWER_S:.0f} s") from None
        return self._status

    async def move(self) -> None:
        """End a gate whose namespace is not the one of that name any more: another is started there."""
        former = self._status
        self.copies.drop()
        if former is not None and former.namespace != self._namespace.stat().st_ino:
            with suppress(ProcessLookupError):
                os.kill(former.pid, signal.SIGTERM)

    async def detach(self) -> None:
        """Leave the gate running and let go of it."""
        if self._keeper:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        self._disconnect()
        await self.copies.close()

    async def stop(self) -> None:
        """End the gate, ours or a former skerryd's, and wait until it has ended."""
        await self.detach()
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, status = await self._connect()
            await self._end(reader, status)
        await asyncio.to_thread(self._end_lingering)

    def _end_lingering(self) -> None:
        """Gates that were replaced, and still relay."""
        for sign in self._paths.run_dir.glob(GatePaths.LINGERING):
            pid = int(sign.suffix[1:])
            with suppress(OSError):
                if str(self._paths.run_dir) in command_line(pid):
                    os.kill(pid, signal.SIGTERM)
            sign.unlink(missing_ok=True)

    def _send(self) -> None:
        if self._writer and self._desired:
            self._writer.write(encode(self._desired))

    async def _keep(self, reader: asyncio.StreamReader) -> None:
        """Read the gate's status lines for ever; where they end, attach to the next gate or start one."""
        while True:
            with suppress(OSError, ValueError, msgspec.DecodeError):
                while line := await reader.readline():
                    self._take_status(read_status(line))
            former = self._status.pid if self._status else 0
            self._disconnect()
            while True:
                try:
                    reader = await self._attach()
                    if self._status and self._status.pid != former:
                        self._on_event(f"another gate serves: process {self._status.pid} after {former}")
                    break
                except Exception as error:  # noqa: BLE001 - without the keeper no gate would ever be started
                    self._on_event(f"the gate does not start: {error}")
                    await asyncio.sleep(BACKOFF_S)

    def _take_status(self, status: Status) -> None:
        self._status = status
        segments = self._desired.traffic.segments if self._desired else ()
        legs = {block.leg for segment in segments for block in segment.blocks}
        self.copies.follow(status.reserved, legs)
        self._changed.set()
        self._on_status(status)

    def _disconnect(self) -> None:
        if self._writer:
            self._writer.close()
        self._writer = None
        self._status = None

    async def _attach(self) -> asyncio.StreamReader:
        """Connect to the gate that runs if it serves in our namespace and is of our version; else end,
        replace or start one. Whichever it is gets the last desired state."""
        try:
            reader, status = await self._connect()
        except (OSError, asyncio.IncompleteReadError):
            reader, status = await self._launch()
        else:
            if status.namespace != self._namespace.stat().st_ino:  # left over from one that is gone
                await self._end(reader, status)
                self.copies.drop()
                reader, status = await self._launch()
            elif status.version != __version__:
                reader, status = await self._replace(reader, status)
        self._take_status(status)
        self._send()
        return reader

    async def _connect(self, patience: float = START_S) -> tuple[asyncio.StreamReader, Status]:
        reader, writer = await asyncio.open_unix_connection(self._paths.control, limit=LINE_LIMIT)
        self._disconnect()
        self._writer = writer
        async with asyncio.timeout(patience):
            line = await reader.readuntil()
        return reader, read_status(line)

    async def _replace(
        self, reader: asyncio.StreamReader, former: Status
    ) -> tuple[asyncio.StreamReader, Status]:
        """Put a gate of our version in the place of one of another; one that can't hand over ends first."""
        self._on_event(f"the gate is of version {former.version or '0'}: replacing it")
        if not self._paths.handover.exists():
            await self._end(reader, former)
            return await self._launch()
        self._disconnect()
        await self._start("--take-over")
        return await self._until(lambda status: status.pid != former.pid)

    async def _launch(self) -> tuple[asyncio.StreamReader, Status]:
        """Start a gate where none runs, with the sockets of the one that died, if we have them."""
        if not self.copies or self._desired is None:
            await self._start()
        else:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with ours:
                with theirs:
                    await self._start("--inherit", str(theirs.fileno()), keep=(theirs.fileno(),))
                try:
                    await asyncio.to_thread(self.copies.give, ours, self._desired)
                except OSError as error:
                    self.copies.drop()
                    raise NetworkError(f"the gate did not take the sockets: {error}") from error
        return await self._until(lambda _: True)

    async def _start(self, *words: str, keep: tuple[int, ...] = ()) -> None:
        self._paths.run_dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "skerry.gate", "--run-dir", str(self._paths.run_dir)]
        with self._paths.log.open("ab") as log:
            starter = await asyncio.create_subprocess_exec(
                *["setsid", "--fork", *command, "--netns", self._namespace.name, *words],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=keep,
            )
            await starter.wait()

    async def _until(self, right: Callable[[Status], bool]) -> tuple[asyncio.StreamReader, Status]:
        """Connect to the gate that was started, once it answers."""
        deadline = asyncio.get_running_loop().time() + START_S
        while asyncio.get_running_loop().time() < deadline:
            with suppress(OSError, asyncio.IncompleteReadError):
                reader, status = await self._connect(FIRST_WORD_S)
                if right(status):
                    return reader, status
            await asyncio.sleep(POLL_S)
        words = f"its last words: {last_words(self._paths.log)} (see {self._paths.log})"
        raise NetworkError(f"the gate did not start in {START_S:.0f} s; {words}")

    async def _end(self, reader: asyncio.StreamReader, status: Status) -> None:
        with suppress(ProcessLookupError):
            os.kill(status.pid, signal.SIGTERM)
        with suppress(OSError):
            async with asyncio.timeout(START_S):
                while await reader.readline():
                    pass
        self._disconnect()
