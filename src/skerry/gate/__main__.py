"""`python -m skerry.gate --run-dir DIR --netns NAME`: the gate process. Ends on SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import resource
import signal
import sys
from pathlib import Path

from skerry.gate.app import Gate
from skerry.gate.netns import RUN_NETNS

ALREADY_RUNNING = 3


def main() -> int:
    """Run one gate for a run directory; exit code 3 if there is one already."""
    parser = argparse.ArgumentParser(prog="skerry-gate", description=__doc__)
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--netns", required=True, help="name of its network namespace under /run/netns")
    options = parser.parse_args()
    options.run_dir.mkdir(parents=True, exist_ok=True)
    with (options.run_dir / "gate.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("a gate is running for this run directory\n")
            return ALREADY_RUNNING
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 1 << 20)), hard))
        asyncio.run(_serve(options.run_dir, options.netns))
    return 0


async def _serve(run_dir: Path, netns: str) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await Gate(run_dir / "gate.sock", RUN_NETNS / netns).run(stopped)


if __name__ == "__main__":
    sys.exit(main())
