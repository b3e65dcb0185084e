"""`python -m skerry.gate --run-dir DIR --netns NAME`: the gate process. Ends on SIGTERM or SIGINT.

With `--take-over` it takes the sockets of the gate that runs, if one does, and its place. With `--inherit FD`
they come over that descriptor.
"""

from __future__ import annotations

import skerry.lean.gate_process  # noqa: F401  # before whatever imports structlog and asyncio

# isort: split
import argparse
import asyncio
import fcntl
import os
import resource
import signal
import socket
import sys
from pathlib import Path

from skerry.gate import socket_passing
from skerry.gate.gate import Gate
from skerry.gate.socket_passing import Inherited
from skerry.linux.memory import give_back, share_one_heap
from skerry.linux.netns import RUN_NETNS
from skerry.logs import log_to_stderr
from skerry.model.settings import GatePaths

ALREADY_RUNNING = 3


def main() -> int:
    """Run one gate for a run directory; exit code 3 if there is one already."""
    parser = argparse.ArgumentParser(prog="skerry-gate", description=__doc__)
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--netns", required=True, help="name of its network namespace under /run/netns")
    parser.add_argument("--take-over", action="store_true", help="replace the gate that runs")
    parser.add_argument("--inherit", type=int, help="descriptor over which sockets come")
    options = parser.parse_args()
    options.run_dir.mkdir(parents=True, exist_ok=True)
    log_to_stderr(GatePaths(options.run_dir).log)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 1 << 20)), hard))
    share_one_heap()
    give_back()  # what the start left
    return asyncio.run(_serve(options))


async def _serve(options: argparse.Namespace) -> int:
    """Take over or begin anew, hold the run directory's lock, and serve until a signal."""
    paths = GatePaths(options.run_dir)
    giver, inherited = await _inherited(options, paths)
    lock = inherited.lock
    if lock is None:
        lock = os.open(paths.lock, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("a gate is running for this run directory\n")
            return ALREADY_RUNNING
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await Gate(paths, RUN_NETNS / options.netns, lock, inherited, giver).run(stopped)
    return 0


async def _inherited(options: argparse.Namespace, paths: GatePaths) -> tuple[socket.socket | None, Inherited]:
    if options.inherit is not None:
        giver = socket.socket(fileno=options.inherit)
        return giver, Inherited(await asyncio.to_thread(socket_passing.take, giver))
    if options.take_over:
        try:
            giver, parcel = await socket_passing.ask(paths.handover, socket_passing.TAKE)
        except OSError:  # none runs, or one from before there was a handover: the lock will tell
            return None, Inherited()
        return giver, Inherited(parcel)
    return None, Inherited()


if __name__ == "__main__":
    sys.exit(main())
