"""One daemon at a time for an instance, and what is left of one that failed."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from skerry.model.errors import SkerryError
from skerry.model.settings import Settings


@contextlib.contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the instance's lock, or raise with who holds it."""
    Path(settings.run_dir).mkdir(parents=True, exist_ok=True)
    Path(settings.data_dir).mkdir(parents=True, exist_ok=True)
    with Path(settings.pid_file).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise SkerryError(
                f"skerry is already running (process {file.read().strip()}, {settings.api_socket})"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.truncate(0)


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
