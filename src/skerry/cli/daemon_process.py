"""Starting, finding and ending the daemon's process."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from skerry.cli.client import UnixConnection
from skerry.linux.processes import process_name
from skerry.model.settings import Settings

START_S = 120.0
STOP_S = 30.0
POLL_S = 0.05
PING_S = 2.0


def command(settings: Settings, verb: str, *more: str) -> list[str]:
    """The command line of the daemon's own entry point."""
    return [sys.executable, "-m", "skerry.daemon", verb, *settings.arguments(), *more]


def running_pid(settings: Settings) -> int | None:
    """The daemon's process, if one holds the lock of this instance; a child of one that was killed may, for a
    moment."""
    path = Path(settings.pid_file)
    if not path.exists():
        return None
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = int(file.read() or 0)
            return pid if process_name(pid) else None
    return None


def ask(settings: Settings, path: str, timeout: float = 10.0) -> Any:
    """GET from the daemon's API; None where nobody answers. Without a daemon its socket may still be there,
    and whoever connects would wait for the next one."""
    if running_pid(settings) is None:
        return None
    connection = UnixConnection(settings.api_socket, timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        return json.loads(body) if answer.headers.get_content_type() == "application/json" else body.decode()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def start_detached(settings: Settings) -> int:
    """Start the daemon in a session of its own and wait until it answers; its process ID."""
    Path(settings.run_dir).mkdir(parents=True, exist_ok=True)
    Path(settings.failure_file).unlink(missing_ok=True)
    with Path(settings.log_file).open("ab") as log:
        begin = log.tell()
        process = subprocess.Popen(
            command(settings, "up"), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )

    def why() -> str | None:
        if process.poll() is None:
            return None
        return failure(settings) or f"skerry ended while it started: {_last_line(settings, begin)}"

    await_answer(settings, why, f"see {settings.log_file}")
    return process.pid


def await_answer(settings: Settings, why: Callable[[], str | None], where: str) -> None:
    """Return once the API answers. `why` says why it never will; `where` to look if it takes too long."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if (reason := why()) is not None:
            raise click.ClickException(reason)
        if status_of(settings, PING_S) is not None:
            return
        time.sleep(POLL_S)  # a process has no way to say over a file system that it answers now
    raise click.ClickException(f"skerry did not answer within {START_S:.0f} s; {where}")


def status_of(settings: Settings, timeout: float = 10.0) -> dict[str, Any] | None:
    """What the daemon says of itself; None where it does not answer."""
    answer = ask(settings, "/skerry/status", timeout)
    return answer if isinstance(answer, dict) and "version" in answer else None


def failure(settings: Settings) -> str | None:
    """Why the daemon that was started last could not start, or broke; None where it did not."""
    try:
        return Path(settings.failure_file).read_text(encoding="utf-8")
    except OSError:
        return None


def _last_line(settings: Settings, begin: int) -> str:
    with Path(settings.log_file).open("rb") as log:
        log.seek(begin)
        lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"see {settings.log_file}"


def run(settings: Settings, verb: str, *more: str) -> str:
    """Run a verb of the daemon's entry point to its end; its output. Raises SystemExit where it fails."""
    done = subprocess.run(command(settings, verb, *more), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(1)  # it has said why
    return done.stdout


def stop(pid: int) -> None:
    """End a daemon, orderly; by force where it does not."""
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_S
    while process_name(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            deadline += STOP_S
        time.sleep(POLL_S)
