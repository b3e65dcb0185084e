"""What becomes of a backup that was unpacked: it is opened, and put where the next start finds it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skerry.archive.manifest import KEY, STATE
from skerry.core.view import View
from skerry.engine.admit import admit
from skerry.engine.choose import adopted, choose_engine
from skerry.engine.client import connect_engine
from skerry.loops.engine import engine_options
from skerry.model.settings import Settings
from skerry.store.crypt import sync_directory
from skerry.store.sqlite import SqlitePersistence


@contextmanager
def unpacked_state(folder: Path) -> Iterator[tuple[SqlitePersistence, View]]:
    """The state of an unpacked backup, read to its last row. Raises SkerryError where this skerry can't."""
    persistence = SqlitePersistence(folder / STATE, folder / KEY)
    try:
        yield persistence, persistence.load()
    finally:
        persistence.close()


async def prepare(settings: Settings, folder: Path, *, with_engine: bool) -> str:
    """Have the state say that it goes on with this machine's engine; the socket of that one, which is started
    where it is private, or "" where it is not needed. Raises SkerryError."""
    with unpacked_state(folder) as (persistence, view):
        options = engine_options(settings, persistence.engine, view)
        identity = adopted(options)
        if identity is not None:
            persistence.remember_engine(identity)
        if not with_engine:
            return ""
        choice = await choose_engine(engine_options(settings, identity, view))
    private = choice.private
    engine = await (private.start() if private is not None else connect_engine(choice.socket))
    try:
        await admit(engine, None, private=private is not None)
    finally:
        await engine.close()
    return choice.socket


def place(settings: Settings, folder: Path) -> None:
    """Put the state into the data directory; from then on it is the swarm."""
    data_dir = Path(settings.data_dir)
    if (folder / KEY).exists():
        (folder / KEY).rename(settings.key_file)
    (folder / STATE).rename(settings.database)
    sync_directory(data_dir)
    shutil.rmtree(folder)
