"""What an engine is at while a request of it hangs, for the report of a failed test."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from demo.patience import PATIENCE

OF_INTEREST = ("daemon.(*Daemon)", "libnetwork.(*", "container.(*Container)")
INNERMOST = 3


def engine_at_work(run_dir: Path) -> str:
    """The engine's goroutines that are about containers and networks, a line each, innermost call first."""
    folder = run_dir / "engine"
    known = set(folder.glob("goroutine-stacks-*"))
    with contextlib.suppress(OSError, ValueError):
        os.kill(int((run_dir / "engine.pid").read_text()), signal.SIGUSR1)
        deadline = time.monotonic() + 5 * PATIENCE
        while time.monotonic() < deadline:
            for path in set(folder.glob("goroutine-stacks-*")) - known:
                text = path.read_text(errors="replace")
                if text:
                    return _in_short(text)
            time.sleep(0.05)
    return "the engine does not say what it is at"


def _in_short(text: str) -> str:
    lines = []
    for goroutine in text.split("\n\n"):
        head, *rest = goroutine.splitlines()
        calls = [line.rpartition("/")[2].partition("(0x")[0] for line in rest if not line.startswith("\t")]
        telling = [call for call in calls[INNERMOST:] if any(word in call for word in OF_INTEREST)]
        if telling:
            lines.append(f"{head} {' < '.join([*calls[:INNERMOST], *telling])}")
    return "\n".join(lines)
