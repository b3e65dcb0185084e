"""One daemon at a time for an instance, and what is left of one that failed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from skerry.model.errors import Conflict, SkerryError
from skerry.model.settings import DATA_FILES, Settings

PATIENCE_S, POLL_S = 2.0, 0.02
"""So long a lock may be somebody's who only looks whether it is free, as every command does, or a child's of
a daemon that was killed, which has not executed its program yet."""


@contextlib.contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the instance's lock, or raise with who holds it."""
    Path(settings.run_dir).mkdir(parents=True, exist_ok=True)
    Path(settings.data_dir).mkdir(parents=True, exist_ok=True)
    with Path(settings.pid_file).open("a+") as file:
        if not _locked(file):
            file.seek(0)
            raise SkerryError(
                f"skerry is already running (process {file.read().strip()}, {settings.api_socket})"
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.truncate(0)


def _locked(file: IO[str]) -> bool:
    """Lock a file; False where somebody else keeps it. Blocks for a while at most."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        else:
            return True


def refuse_used(settings: Settings) -> None:
    """Raises Conflict where the data directory has anything of a skerry in it, but for what is restored."""
    data_dir = Path(settings.data_dir)
    used = [path for pattern in (*DATA_FILES, "engine/*") for path in sorted(data_dir.glob(pattern))]
    used = [path for path in used if path != Path(settings.restore_dir)]
    if used:
        raise Conflict(
            f"{data_dir} is not empty: {used[0]} is there. A backup is restored into an empty data "
            "directory: name another one (--data-dir), or remove what is there (skerry down --purge)"
        )


@contextlib.contextmanager
def failure_noted(settings: Settings) -> Iterator[None]:
    """Write down why the daemon could not start, or broke, for `skerry status` and `skerry up`."""
    try:
        yield
    except Exception as error:
        known = isinstance(error, SkerryError | OSError)
        why = str(error) if known else f"skerry broke down: {error!r}; its log says where"
        with contextlib.suppress(OSError):
            Path(settings.failure_file).write_text(why, encoding="utf-8")
        raise
