"""The history loop: how each revision of a service ended is written down with it, and old ones go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from skerry.control import history
from skerry.core.undo import ended
from skerry.core.view import View
from skerry.model.objects import Service, Task
from skerry.model.releases import CONVERGED
from skerry.store.store import Commit, Store, Tx, about

GATHERED_S = 0.1
"""Between two looks: a stack that starts writes hundreds of commits a second."""


class HistoryLoop:
    """Looks at the services of which something changes. What is to be written stands in the rows."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def run(self) -> None:
        """Look at all services once, and from then on at those that change, for ever."""
        async with self._store.watch(about(Service, Task)) as commits:
            touched = set(self._store.view.services)
            while True:
                if any(self._is_due(key) for key in touched):
                    keys = sorted(touched)
                    await self._store.update(lambda tx, keys=keys: _write(tx, keys))  # type: ignore[misc]
                touched = _touched(await commits.get())
                await asyncio.sleep(GATHERED_S)
                while not commits.empty():
                    touched |= _touched(commits.get_nowait())

    def _is_due(self, key: str) -> bool:
        view = self._store.view
        service = _watched(view, key)
        return service is not None and any(ended(view, service, 0))


def _write(tx: Tx, keys: Iterable[str]) -> None:
    """Decide once more, on what is so by now."""
    for key in keys:
        service = _watched(tx.view, key)
        if service is not None:
            _settle(tx, service)


def _settle(tx: Tx, service: Service) -> None:
    """Write how revisions of a service ended. Once the present one is there to stay, no more are kept than
    the service asks for."""
    revisions = [tx.put(revision) for revision in ended(tx.view, service, tx.now)]
    if any(row.number == service.revision and row.outcome.state == CONVERGED for row in revisions):
        history.trim(tx, service)


def _watched(view: View, key: str) -> Service | None:
    """A service of which something can be said: there is a node to run it on."""
    return view.services.get(key) if view.node is not None else None


def _touched(commit: Commit) -> set[str]:
    keys: set[str] = set()
    for change in commit.changes:
        if isinstance(change.object, Service):
            keys.add(change.object.id)
        elif isinstance(change.object, Task):
            keys.add(change.object.service_id)
    return keys
