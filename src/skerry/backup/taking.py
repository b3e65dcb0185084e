"""Takes backups from a running skerry, one at a time.

Everything is gathered in a folder of the data directory, which is where file systems can share extents with a
private engine's volumes. Then it is known, and goes out as one stream with what it is before it.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import structlog

from skerry import __version__
from skerry.archive.manifest import IMAGES, KEY, STATE, Manifest, Part
from skerry.archive.part import part_of
from skerry.backup.freezer import Freezer
from skerry.backup.own_images import own_images, save_images
from skerry.backup.request import BackupRequest
from skerry.backup.volume_copies import Copies
from skerry.backup.volumes import services_of, volumes_of, writers_of
from skerry.core.naming import stack_of
from skerry.core.view import View
from skerry.engine.client import DockerEngine
from skerry.loops.network import NetworkLoop
from skerry.model.errors import Conflict, NotFound, SkerryError
from skerry.model.objects import Service
from skerry.model.times import timestamp
from skerry.store.store import Store

log = structlog.get_logger()

UNDECIDED = (
    "the key of the swarm's secrets would stand in this backup in the clear: encrypt it (--recipient, "
    "--passphrase), leave the key out (--without-key) and keep secret.key elsewhere, or say that it shall be "
    "so (--unencrypted)"
)
WITHDRAW_S = 20.0
"""So long it may take until new connections wait at the gate."""


class StateCopier(Protocol):
    """Where the state is (`skerry.store.sqlite`)."""

    def copy_to(self, path: Path) -> bytes:
        """Write it into a fresh file; the key that opens it."""


@dataclass(frozen=True)
class Taken:
    """A backup that is whole: its manifest, and the folder with its parts."""

    manifest: Manifest
    folder: Path


class _State(NamedTuple):
    """The parts of the state. `locked`: it takes an unlock key to open it."""

    parts: list[Part]
    locked: bool


class Backups:
    """`folder` is made and removed here; nobody else has it."""

    def __init__(
        self,
        store: Store,
        state: StateCopier,
        engine: DockerEngine,
        network: NetworkLoop,
        freezer: Freezer,
        folder: Path,
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._state = state
        self._engine = engine
        self._network = network
        self._freezer = freezer
        self._folder = folder
        self._clock = clock
        self._lock = asyncio.Lock()

    def sweep(self) -> None:
        """Remove what a backup has left that was cut."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @asynccontextmanager
    async def taken(self, request: BackupRequest) -> AsyncIterator[Taken]:
        """A backup, as long as the block lasts. Raises Conflict while another one is taken."""
        if self._lock.locked():
            raise Conflict("another backup is being taken: wait for its end")
        async with self._lock:
            try:
                yield Taken(await self._gathered(request), self._folder)
            finally:
                await asyncio.shield(asyncio.to_thread(self.sweep))

    async def _gathered(self, request: BackupRequest) -> Manifest:
        try:
            await asyncio.to_thread(self._begin)
            return await self._take(request)
        except OSError as error:
            raise SkerryError(f"the backup could not be taken: {error}; nothing was changed") from error

    def _begin(self) -> None:
        self.sweep()
        for name in ("state", "volumes"):
            (self._folder / name).mkdir(parents=True)
        self._folder.chmod(0o700)

    async def _take(self, request: BackupRequest) -> Manifest:
        """Copy state and volumes, then images, which do not change meanwhile, into the folder; what it has
        then, in the order in which it is packed."""
        began = self._clock()
        services = self._services(request.stacks)
        volumes = await volumes_of(self._engine, services) if request.volumes else []
        copies = Copies(volumes, self._folder)
        state, frozen_s = await self._consistent(request, copies)
        parts = [*state.parts, *await asyncio.to_thread(copies.packed)]
        images = await own_images(self._engine, self._store.view, services) if request.images else []
        if images:
            await save_images(self._engine, images, self._folder / IMAGES)
            parts.append(await asyncio.to_thread(part_of, self._folder, IMAGES, "images"))
        view = self._store.view
        return Manifest(
            timestamp(began),
            __version__,
            locked=state.locked,
            stacks=_stacks(view),
            services=len(view.services),
            images=images,
            volumes=[volume.entry for volume in volumes],
            frozen_s=round(frozen_s, 3),
            parts=parts,
        )

    def _services(self, stacks: tuple[str, ...]) -> list[Service]:
        known = _stacks(self._store.view)
        if missing := sorted(set(stacks) - set(known)):
            raise NotFound(f"there is no stack {missing[0]} here; there are: {', '.join(known) or 'none'}")
        return services_of(self._store.view, stacks)

    async def _consistent(self, request: BackupRequest, copies: Copies) -> tuple[_State, float]:
        """Copy state and volumes: as of one moment, for which writers stand still, where that is wanted. The
        state, and how long (s) that was."""
        await asyncio.to_thread(copies.approach)
        if not request.quiesce or not copies.trees:
            return await asyncio.to_thread(self._copy_state, request.key), 0.0
        writers = await writers_of(self._engine, copies.volumes)
        async with AsyncExitStack() as still:
            await self._hold(still, [writer.task for writer in writers if writer.task])
            began = time.monotonic()
            copies.allow(request.freeze_s)
            await still.enter_async_context(
                self._freezer.standing_still([writer.container for writer in writers])
            )
            await asyncio.to_thread(copies.round)
            state = await asyncio.to_thread(self._copy_state, request.key)
            if moving := await writers_of(self._engine, copies.volumes):
                raise Conflict(f"{moving[0].name} began to write meanwhile: take the backup again")
        copies.allow(None)
        frozen_s = time.monotonic() - began
        log.info("writers stood still for a backup", writers=len(writers), seconds=round(frozen_s, 3))
        return state, frozen_s

    async def _hold(self, still: AsyncExitStack, tasks: list[str]) -> None:
        try:
            async with asyncio.timeout(WITHDRAW_S):
                await still.enter_async_context(self._network.waiting(tasks))
        except TimeoutError:
            raise SkerryError(
                f"new connections could not be held within {WITHDRAW_S:.0f} s: `skerry status` says why"
            ) from None

    def _copy_state(self, wanted: str) -> _State:
        """The database, and its key where that is wanted. Raises Conflict where nobody said whether it is."""
        key = self._state.copy_to(self._folder / STATE)
        if key and not wanted:
            raise Conflict(UNDECIDED)
        parts = [part_of(self._folder, STATE, "state")]
        if key and wanted == "yes":
            (self._folder / KEY).write_bytes(key)
            parts.append(part_of(self._folder, KEY, "key"))
        return _State(parts, locked=not key)


def _stacks(view: View) -> list[str]:
    """The names of all stacks that have a service."""
    return sorted({stack_of(service.spec.typed.labels) for service in view.services.values()} - {""})
