"""Runs commands as a person at a terminal would: each is printed, and so is what it says."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from demo.ending import held_back
from demo.patience import PATIENCE

PROGRESS = 6
"""A line that was among the last so many is not shown again: docker repeats its progress all the time."""


class StepFailed(Exception):
    """A step did not do what it should; the message says what was expected and what was seen."""


@dataclass(frozen=True)
class Done:
    """A command that ended: its exit code and its output, both streams together."""

    code: int
    output: str


@dataclass
class Shell:
    """A working directory and an environment; lines are run by bash with pipefail."""

    cwd: Path
    env: Mapping[str, str]

    def run(self, line: str, *, ok: bool | None = True, timeout: float = 180) -> Done:
        """Print `$ line`, run it, show its output as it comes.

        `ok` is what its exit must be: True zero, False anything else, None whatever it is.
        Raises StepFailed where it is not so, or where the command takes longer than `timeout` seconds.
        """
        say(f"\n$ {line}")
        done = self._run(line, timeout, show=True)
        return _judge(line, done, ok)

    def ask(self, line: str, *, ok: bool | None = True, timeout: float = 60) -> str:
        """The same without showing it; returns the output, stripped."""
        return _judge(line, self._run(line, timeout, show=False), ok).output.strip()

    def _run(self, line: str, timeout: float, *, show: bool) -> Done:
        late = threading.Event()
        process: subprocess.Popen[str] | None = None

        def give_up() -> None:
            late.set()
            if process is not None:
                os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(PATIENCE * timeout, give_up)
        lines: list[str] = []
        try:
            with held_back():
                process = self._start(line)
                timer.start()
            assert process.stdout is not None
            with process.stdout:
                for text in process.stdout:
                    if show and text not in lines[-PROGRESS:]:
                        say(text.rstrip("\n"))
                    lines.append(text)
            code = process.wait()
        finally:
            timer.cancel()
            if process is not None and process.poll() is None:  # interrupted: nobody waits for it any more
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if late.is_set():
            raise StepFailed(f"`{line}` took longer than {PATIENCE * timeout:g} s")
        return Done(code, "".join(lines))

    def _start(self, line: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=self.cwd,
            env=dict(self.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )


def say(text: str) -> None:
    """A line of the story, at once."""
    print(text, flush=True)


def _judge(line: str, done: Done, ok: bool | None) -> Done:
    if ok is not None and ok != (done.code == 0):
        expected = "0" if ok else "a failure"
        tail = "\n".join(done.output.strip().splitlines()[-5:])
        raise StepFailed(f"`{line}` exited {done.code}, expected {expected}; it said: {tail}")
    return done
