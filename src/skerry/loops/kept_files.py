"""The loop of kept files: configs and secrets that are held for what is kept go when that goes, and are shown
again where a service uses them."""

from __future__ import annotations

import asyncio

from skerry.control import files
from skerry.model.files import Config, KeptConfig, KeptSecret, Secret
from skerry.model.objects import Revision, Service, Task
from skerry.model.releases import Release
from skerry.store.store import Change, Commit, Store

GATHERED_S = 1.0
"""Between two looks: each goes through all that is kept."""


class KeptFilesLoop:
    """Looks whenever something went that may have needed one. Nothing is kept here between two looks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def run(self) -> None:
        """Look at once, and from then on after what matters, for ever."""
        async with self._store.watch(_concerns) as commits:
            while True:
                if self._store.rehearse(files.settle):
                    await self._store.update(files.settle)
                await commits.get()
                await asyncio.sleep(GATHERED_S)
                while not commits.empty():
                    commits.get_nowait()


def _concerns(commit: Commit) -> bool:
    kept = commit.view.kept_configs or commit.view.kept_secrets
    return bool(kept) and any(map(_matters, commit.changes))


def _matters(change: Change) -> bool:
    """Whether a change may have shown, freed or used one: a task does when it is over."""
    if isinstance(change.object, Task):
        return change.new is None or change.object.status.state.terminal
    return isinstance(change.object, Service | Revision | Release | Config | Secret | KeptConfig | KeptSecret)
