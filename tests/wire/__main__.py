"""`make wire`: transcripts, wrong answers, the SDK, bad input; against one skerry, summed up in a line."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress

from demo.ending import end_in_order
from harness.world import World, wait_until
from tests.transcripts.replay import Replay, without_deliberate
from tests.transcripts.seeded import WRONG, shown
from tests.transcripts.transcript import transcripts
from tests.transcripts.wire import api_version
from tests.wire.fuzz import Fuzz
from tests.wire.sdk import sdk


def main() -> int:
    """Run all of it; 0 where nothing differs and nothing crashes."""
    end_in_order()
    options = argparse.ArgumentParser(prog="wire", description=__doc__)
    options.add_argument("--fuzz", type=int, default=20_000, help="so many requests of bad input")
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    with World(images=["box"]) as world:
        replay = Replay(world.socket, world.run_dir / "engine.sock")
        version = api_version(world.socket)
        found = [one for name, commands in transcripts(version) for one in replay.session(name, commands)]
        left, needless = without_deliberate(found, version)
        for difference in left:
            print(difference)
        for reason in needless:
            print(f"a deliberate difference that is none: {reason}")
        seeded = shown(replay.answers)
        world.docker("swarm", "init", "--advertise-addr", "10.99.0.2")
        pid, open_before = world.pid, _open(world.pid)
        sdk(world)
        print(f"wire: {replay.commands} commands replayed, the SDK is content, fuzzing")
        fuzz = Fuzz(world.socket, asked.seed)
        fuzz.run(asked.fuzz)
        for crash in fuzz.crashes:
            print(crash)
        sdk(world)  # it serves on
        crashed = len(fuzz.crashes) + (world.pid != pid)
        leaked = _leaked(pid, open_before) if world.pid == pid else 0
    if leaked:
        print(f"{leaked} more files are open than before")
    print(
        f"wire: commands={replay.commands} differences={len(left)} seeded={len(seeded)} of {len(WRONG)} "
        f"fuzzed={fuzz.asked} crashed={crashed}"
    )
    return int(bool(left or needless or crashed or leaked or len(seeded) < len(WRONG)))


def _leaked(pid: int, before: int) -> int:
    """How many files more are open, once what the last tasks needed for their end is closed."""

    def more() -> int:
        return max(0, _open(pid) - before - 8)

    with suppress(AssertionError):
        wait_until(lambda: not more(), "everything is closed")
    return more()


def _open(pid: int) -> int:
    """How many files a process has open: a leaked connection is one."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 (a count, not paths)


if __name__ == "__main__":
    sys.exit(main())
