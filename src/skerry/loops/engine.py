"""The engine loop: waits for the engine, starts the private one again, and says so while it is away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import structlog

from skerry.core.view import View
from skerry.engine.admit import EngineRefused, admit
from skerry.engine.choose import Choice, EngineOptions
from skerry.engine.client import connect_engine, expect_engine
from skerry.engine.embedded import StartFailed
from skerry.engine.port import EngineError, EngineUnreachable
from skerry.model.conditions import Conditions
from skerry.model.identity import Identity
from skerry.model.objects import Raw
from skerry.model.settings import Settings
from skerry.store.errors import StateError
from skerry.store.store import Store

log = structlog.get_logger()

START_S = 30.0
"""So long a private engine that fails to start is tried before skerry goes on without it."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 15.0

NO_LIVE_RESTORE = (
    "the engine has no live-restore: when it restarts, every task ends. Add "
    '"live-restore": true to /etc/docker/daemon.json and reload it (systemctl reload docker)'
)
OLD_VERSION = {"ApiVersion": "1.41", "Version": "unknown"}
AWAY = (EngineUnreachable, EngineError, OSError)


class Memory(Protocol):
    """Where it is written down which engine the swarm is on (`skerry.store.sqlite`)."""

    @property
    def engine(self) -> Identity | None:
        """The engine that the swarm is on."""

    def remember_engine(self, identity: Identity) -> None:
        """Write it down."""


def engine_options(settings: Settings, stored: Identity | None, view: View) -> EngineOptions:
    """What decides where an instance's engine is."""
    return EngineOptions(
        Path(settings.run_dir),
        Path(settings.data_dir),
        Path(settings.api_socket),
        settings.engine,
        stored,
        view.in_use,
    )


class EngineLoop:
    """Whether the engine is there. `engine` may be used all the time: while nobody may answer, it says so."""

    def __init__(self, choice: Choice, store: Store, memory: Memory, conditions: Conditions) -> None:
        self.engine = expect_engine(choice.socket, self._admit)
        self.known = memory.engine
        self._choice = choice
        self._store = store
        self._memory = memory
        self._conditions = conditions
        self._here = asyncio.Event()
        self._why = ""

    @property
    def warnings(self) -> list[str]:
        """What its settings may cost."""
        known = self.known
        return [NO_LIVE_RESTORE] if known is not None and not known.live_restore else []

    @property
    def last_version(self) -> Raw:
        """What it last answered at /version, or the least that may be assumed until it does."""
        known = self.known
        return known.version if known is not None and known.version else OLD_VERSION

    async def begin(self) -> None:
        """Meet it before anything else. Raises where it must not be used, or is not to be waited for."""
        try:
            async with asyncio.timeout(START_S if self._choice.awaited else None):
                await self._meet_with_patience()
        except EngineRefused:
            raise
        except AWAY as error:
            if not self._choice.awaited:
                raise
            self._say(str(error) or self._why or "it has not answered yet")

    async def _meet_with_patience(self) -> None:
        """After a `kill -9`, the first starts of a private engine may fail."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_S
        for wait in _waits():
            try:
                await self._meet()
                return
            except StartFailed as error:
                if loop.time() > deadline:
                    raise
                self._say(str(error))
            await asyncio.sleep(wait)

    async def run(self) -> None:
        """Follow it for ever."""
        while True:
            await self._until_met()
            await self._until_gone()
            if self._choice.private is not None and not self._choice.private.pid:
                self._say("it has ended, and is being started again")

    @property
    def is_here(self) -> bool:
        """Whether it has been there."""
        return self._here.is_set()

    async def here(self) -> None:
        """Return once it has been there."""
        await self._here.wait()

    async def _until_met(self) -> None:
        for wait in _waits():
            try:
                await self._meet()
                return
            except AWAY as error:
                self._say(str(error))
            await asyncio.sleep(wait)

    async def _meet(self) -> None:
        private = self._choice.private
        if private is not None:
            await (await private.start()).close()
        await self.engine.meet()
        self._conditions.clear("engine")
        self._why = ""
        self._here.set()

    def _say(self, why: str) -> None:
        text = f"waiting for the engine at {self._choice.socket}: {why}"
        if why != self._why:
            log.warning(text)
        self._why = why
        self._conditions.set("engine", text)

    async def _admit(self) -> None:
        """Before the first word to the engine, and again after each time that it may have been replaced."""
        engine = await connect_engine(self._choice.socket)
        try:
            expected = self.known if self._store.view.in_use else None
            identity = await admit(engine, expected, private=self._choice.private is not None)
            await self._remember(identity)
        finally:
            await engine.close()

    async def _remember(self, identity: Identity) -> None:
        if identity != self.known:
            try:
                await asyncio.to_thread(self._memory.remember_engine, identity)
            except StateError as error:  # that keeps nobody from the engine; the next meeting writes it
                log.warning("which engine the swarm is on is not written down yet", why=error.message)
        self.known = identity

    async def _until_gone(self) -> None:
        with contextlib.suppress(*AWAY):
            await self.engine.until_gone()
        await asyncio.sleep(FIRST_WAIT_S)


def _waits() -> Iterator[float]:
    wait = FIRST_WAIT_S
    while True:
        yield wait
        wait = min(wait * 2, LONGEST_WAIT_S)
