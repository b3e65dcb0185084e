"""The loop of kept images: what a revision or release that is kept would need is not pruned."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

import structlog

from skerry.core import keeping
from skerry.core.kept_images import EngineContainer, KeepingPlan, plan_of
from skerry.engine.kept_images import carry_out, containers_of, images_of, sizes_of
from skerry.engine.port import Engine, EngineError, EngineUnreachable
from skerry.model.container_labels import KEEPS
from skerry.model.objects import Raw, Revision
from skerry.model.releases import Release
from skerry.store.store import Commit, Store

log = structlog.get_logger()

RESYNC_S = 60.0
GATHERED_S = 0.5
"""Before a look, which goes through all containers and images."""
HASTY_S = 0.02
"""The same where containers went: whoever prunes these may be about to prune images."""
REST = 10
"""So many times as long as a look took, nobody looks again: an engine with a thousand containers has others
to serve."""
AGAIN_S = 1.0
"""Before listening again where the engine's events broke off."""


def _concerns(commit: Commit) -> bool:
    """Whether something else is kept than before."""
    return any(
        isinstance(change.object, Revision | Release) and None in (change.old, change.new)
        for change in commit.changes
    )


class KeptImagesLoop:
    """Compares what is needed with what the engine has, and mends what differs. All that it knows it has seen
    at the last look: what a crash came in between of is found at the next one."""

    def __init__(self, store: Store, engine: Engine, instance: str, resync_s: float = RESYNC_S) -> None:
        self.holders: frozenset[str] = frozenset()
        """The containers, by ID, that are there for an image alone."""
        self._store = store
        self._engine = engine
        self._instance = instance
        self._resync_s = resync_s
        self._needed: frozenset[str] | None = None
        self._users: dict[str, set[str]] = {}
        """The containers that had an image at the last look and have not gone since, all by ID."""
        self._rests_until = 0.0
        self._due = asyncio.Event()
        self._looking = asyncio.Lock()

    async def run(self) -> None:
        """Look at once, and from then on when other images are needed, when a container went, and now and
        then, for ever."""
        self._doubt()
        async with self._store.watch(_concerns) as commits, asyncio.TaskGroup() as group:
            group.create_task(self._follow_store(commits), name="kept images: store")
            group.create_task(self._follow_engine(), name="kept images: engine")
            group.create_task(self._look_when_due(), name="kept images: look")

    def _doubt(self) -> None:
        """The engine may have something else than at the last look."""
        self._needed = None
        self._due.set()

    async def _follow_store(self, commits: asyncio.Queue[Commit]) -> None:
        while True:
            await commits.get()
            self._due.set()

    async def _follow_engine(self) -> None:
        """Each container that goes may have been the last one of an image."""
        while True:
            with suppress(EngineUnreachable, EngineError):
                async with self._engine.events(type=["container", "network"], event=["destroy"]) as events:
                    self._doubt()
                    async for event in events:
                        if event["Type"] == "container":
                            await self._mend(
                                str(event["Actor"]["ID"]), event["Actor"].get("Attributes") or {}
                            )
            await asyncio.sleep(AGAIN_S)

    async def _mend(self, container: str, gone: Raw) -> None:
        """See to the image of a container that is gone, unless others had it at the last look that are there
        still."""
        if container in self.holders:
            self.holders -= {container}
            await self._hold_again(gone)
        users = self._users.get(str(gone.get("image", "")), set())
        users.discard(container)
        if not users:
            self._doubt()

    async def _hold_again(self, gone: Raw) -> None:
        """At once, where it was one of ours: `docker system prune` prunes images next."""
        image = str(gone.get("image", ""))
        if gone.get(KEEPS) == self._instance and image in keeping.images_needed(self._store.view):
            plan = KeepingPlan(held=(image,))
            self.holders |= await carry_out(self._engine, plan, self._instance)

    async def _look_when_due(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._resync_s):
                    await self._due.wait()
            except TimeoutError:
                self._doubt()
            pause = HASTY_S if self._needed is None else GATHERED_S
            await asyncio.sleep(max(pause, self._rests_until - asyncio.get_running_loop().time()))
            self._due.clear()
            if keeping.images_needed(self._store.view) != self._needed:
                await self._look_bravely()

    async def _look_bravely(self) -> None:
        """An engine that is away is looked at again when it is back, and now and then."""
        try:
            await self.look()
        except (EngineUnreachable, EngineError) as error:
            self._needed = None
            log.warning("the images could not be looked through", error=error.message)

    async def look(self) -> None:
        """Compare and mend. Raises EngineError, EngineUnreachable."""
        async with self._looking:
            clock = asyncio.get_running_loop().time
            begun = clock()
            needed = self._needed = keeping.images_needed(self._store.view)
            containers = await containers_of(self._engine)
            plan = await self._plan(needed, containers)
            made = await carry_out(self._engine, plan, self._instance)
            there = {container.id for container in containers if container.keeps}
            self.holders = frozenset(there - {*plan.released} | made)
            self._users = {}
            for container in containers:
                self._users.setdefault(container.image, set()).add(container.id)
            self._rests_until = clock() + REST * (clock() - begun)

    async def freed(self, needed: frozenset[str]) -> dict[str, int]:
        """The images that would go if these alone were needed, each with the bytes that it alone takes.
        Raises EngineError, EngineUnreachable."""
        plan = await self._plan(needed, await containers_of(self._engine))
        sizes = await sizes_of(self._engine) if plan.freed else {}
        return {image: sizes.get(image, 0) for image in plan.freed}

    async def _plan(self, needed: frozenset[str], containers: Iterable[EngineContainer]) -> KeepingPlan:
        return plan_of(needed, await images_of(self._engine), containers, self._instance)
