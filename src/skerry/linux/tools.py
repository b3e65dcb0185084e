"""The kernel's own tools: `nft`, `ip`, `iptables`. Each call has a deadline."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections import deque
from collections.abc import Sequence

from skerry.model.errors import NetworkError

DEADLINE_S = 20.0
RECENT = 256
PACKAGES = {"nft": "nftables", "ip": "iproute2", "nsenter": "util-linux", "modprobe": "kmod"}
"""Debian's packages of those that are not called as theirs is."""

_recent: deque[int] = deque(maxlen=RECENT)
"""The processes that were started last."""


def is_ours(pid: int) -> bool:
    """Whether a process is one that was started here, a short while ago at most."""
    return pid in _recent


async def run(command: Sequence[str], stdin: str = "") -> tuple[int, str, str]:
    """Run a command; (exit code, standard output, standard error).

    NetworkError where it is not installed or has not ended by the deadline, when it is killed.
    """
    with _Exchange(stdin) as given, _Exchange() as out, _Exchange() as err:
        code = await _finished(command, given, out, err)
        return code, out.text(), err.text()


class _Exchange(io.FileIO):
    """What goes in or comes out, as a file in memory: with pipes, the event loop would wake a dozen times for
    each command."""

    def __init__(self, text: str = "") -> None:
        super().__init__(os.memfd_create("skerry-command"), "r+")
        if text:
            self.write(text.encode())
            self.seek(0)

    def text(self) -> str:
        """The whole content."""
        self.seek(0)
        return self.readall().decode(errors="replace")


async def _finished(command: Sequence[str], given: _Exchange, out: _Exchange, err: _Exchange) -> int:
    """The exit code."""
    pid = _start(command, (given, out, err))
    _recent.append(pid)
    ended = _end_of(pid)
    try:
        await asyncio.wait({ended}, timeout=DEADLINE_S)
        if not ended.done():
            raise NetworkError(f"{command[0]}: no answer in {DEADLINE_S:.0f} s")
        return ended.result()
    finally:
        if not ended.done():
            os.kill(pid, signal.SIGKILL)
            await asyncio.wait({ended})


def _start(command: Sequence[str], files: Sequence[_Exchange]) -> int:
    """The process. asyncio's own way to start one is three times as dear, and tells its number late: what it
    does to the kernel may be heard of before that."""
    moves = [(os.POSIX_SPAWN_DUP2, file.fileno(), number) for number, file in enumerate(files)]
    try:
        return os.posix_spawnp(
            command[0], list(command), os.environ, file_actions=moves, setsigdef=(signal.SIGPIPE,)
        )
    except FileNotFoundError:
        package = PACKAGES.get(command[0], "iptables")
        raise NetworkError(f"{command[0]} is not installed: apt-get install {package}") from None


def _end_of(pid: int) -> asyncio.Future[int]:
    """Has the exit code of a process that was started here once it has ended. To be waited for by
    `asyncio.wait`, which leaves it alone when its caller is cancelled."""
    loop = asyncio.get_running_loop()
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:  # a kernel before 5.3
        return loop.run_in_executor(None, _reap, pid)
    ended: asyncio.Future[int] = loop.create_future()

    def reap() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        ended.set_result(_reap(pid))

    loop.add_reader(descriptor, reap)
    return ended


def _reap(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


async def check(command: Sequence[str], stdin: str = "") -> str:
    """Run a command that has to succeed; its output. NetworkError with its own words otherwise."""
    code, out, err = await run(command, stdin)
    if code != 0:
        raise NetworkError(f"{' '.join(command[:4])}: {err.strip() or out.strip() or f'exit code {code}'}")
    return out
