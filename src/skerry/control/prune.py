"""Forgetting what nothing that is kept needs: old revisions and releases, and what only they used."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.control import history
from skerry.core import keeping
from skerry.core.parts import stack_of
from skerry.model.defaults import HISTORY_MOST
from skerry.model.files import KeptFile
from skerry.model.objects import Revision
from skerry.model.releases import UNDER_WAY, Release
from skerry.store.store import Tx


@dataclass(frozen=True)
class Pruned:
    """What is forgotten, and which images are needed after it."""

    revisions: tuple[Revision, ...]
    releases: tuple[Release, ...]
    files: tuple[KeptFile, ...]
    images_needed: frozenset[str]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to forget."""
        return not (self.revisions or self.releases or self.files)


def prune(tx: Tx, most: int = HISTORY_MOST) -> Pruned:
    """Forget what is beyond the labels' limits, and beyond `most` revisions and releases of each; the
    releases of stacks that have no service any more; and the content of what nothing uses then."""
    services = sorted(tx.view.services.values(), key=lambda service: service.name)
    revisions = [row for service in services for row in history.trim(tx, service, most)]
    releases = [row for stack in sorted(tx.view.index.releases) for row in _releases(tx, stack, most)]
    files = keeping.files_needless(tx.view)
    for file in files:
        tx.delete(file)
    return Pruned(tuple(revisions), tuple(releases), tuple(files), keeping.images_needed(tx.view))


def _releases(tx: Tx, stack: str, most: int) -> list[Release]:
    members = [service for service in tx.view.services.values() if stack_of(service) == stack]
    if members:
        return history.trim_releases(tx, stack, members, most)
    rows = tx.view.releases_of(stack)
    if rows[-1].outcome.state in UNDER_WAY:
        return []
    for row in rows:
        tx.delete(row)
    return list(rows)
