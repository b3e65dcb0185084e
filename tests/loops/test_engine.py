"""The engine loop over sockets that answer, stay silent, and answer as somebody else."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from skerry.core.view import View
from skerry.engine.admit import EngineRefused
from skerry.engine.choose import Choice
from skerry.engine.embedded import Embedded
from skerry.engine.port import EngineUnreachable
from skerry.loops.engine import EngineLoop
from skerry.model.conditions import Conditions
from skerry.model.identity import Identity
from skerry.model.objects import Cluster
from tests.support.engine_socket import engine_at
from tests.support.memory import memory_store

pytestmark = [pytest.mark.case("B3"), pytest.mark.timeout(60)]


@pytest.fixture
def socket() -> Iterator[Path]:
    """A short path for a socket."""
    with tempfile.TemporaryDirectory(prefix="skt-") as folder:
        yield Path(folder) / "engine.sock"


class Paper:
    """Where the engine is written down."""

    def __init__(self, engine: Identity | None) -> None:
        self.engine = engine

    def remember_engine(self, identity: Identity) -> None:
        """Write it down."""
        self.engine = identity


def stored(socket: Path) -> Identity:
    """The engine `A` of `engine_at`."""
    return Identity(str(socket), id="A", root="/data", version={"Version": "20.10.24", "ApiVersion": "1.41"})


class Stage:
    """A loop with what it writes to."""

    def __init__(
        self, socket: Path, engine: Identity | None, *, awaited: bool = True, private: Embedded | None = None
    ) -> None:
        cluster = Cluster("c", "n", {})
        self.paper = Paper(engine)
        self.conditions = Conditions()
        self.loop = EngineLoop(
            Choice(str(socket), private, awaited),
            memory_store(View(clusters={"c": cluster})),
            self.paper,
            self.conditions,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The loop at work."""
        task = asyncio.create_task(self.loop.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.loop.engine.close()


async def until(condition: Callable[[], object]) -> None:
    """Return once it is so; the test's own limit ends it otherwise."""
    while not condition():
        await asyncio.sleep(0.02)


async def test_an_engine_that_is_away_is_waited_for_and_said(socket: Path) -> None:
    stage = Stage(socket, stored(socket))
    await stage.loop.begin()
    async with stage.running():
        assert f"waiting for the engine at {socket}" in stage.conditions.texts[0]
        with pytest.raises(EngineUnreachable):
            await stage.loop.engine.get("/info")
        async with engine_at(socket):
            await stage.loop.here()
            assert stage.conditions.texts == []
            assert (await stage.loop.engine.get("/info"))["ID"] == "A"
        await until(lambda: stage.conditions.texts)
        async with engine_at(socket):
            await until(lambda: not stage.conditions.texts)


async def test_another_engine_that_comes_in_its_place_is_asked_for_nothing(socket: Path) -> None:
    stage = Stage(socket, stored(socket))
    async with engine_at(socket):
        await stage.loop.begin()
    async with engine_at(socket, ID="B"), stage.running():
        await until(lambda: "is not the one" in "".join(stage.conditions.texts))
        with pytest.raises(EngineRefused):
            await stage.loop.engine.get("/info")
        assert stage.paper.engine == stored(socket)


@pytest.mark.case("C4")
async def test_a_private_engine_that_does_not_start_ends_nothing(
    socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = socket.parent / "dockerd"
    script.write_text("#!/bin/sh\necho volumes/metadata.db: timeout\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name, path=None: str(script))
    monkeypatch.setattr("skerry.engine.embedded.neighbours", lambda name: [])
    monkeypatch.setattr("skerry.loops.engine.START_S", 1.0)
    private = Embedded(socket.parent, socket.parent / "data")

    stage = Stage(socket, stored(socket), private=private)
    await stage.loop.begin()
    async with stage.running():
        assert "does not start: volumes/metadata.db: timeout" in stage.conditions.texts[0]
        words = (socket.parent / "engine.log").stat().st_size
        await until(lambda: (socket.parent / "engine.log").stat().st_size > words)
    hasty = Stage(socket, None, private=private, awaited=False)
    with pytest.raises(EngineUnreachable, match="does not start"):
        await hasty.loop.begin()
    await hasty.loop.engine.close()


async def test_what_is_not_waited_for_is_said_at_once(socket: Path) -> None:
    stage = Stage(socket, None, awaited=False)
    try:
        with pytest.raises(EngineUnreachable, match="no Docker Engine answers"):
            await stage.loop.begin()
    finally:
        await stage.loop.engine.close()


async def test_an_engine_that_is_refused_ends_the_start_even_where_it_is_waited_for(socket: Path) -> None:
    stage = Stage(socket, stored(socket))
    try:
        async with engine_at(socket, Swarm={"LocalNodeState": "active"}):
            with pytest.raises(EngineRefused, match="swarm leave"):
                await stage.loop.begin()
    finally:
        await stage.loop.engine.close()


async def test_the_engine_is_written_down_with_what_it_says_of_itself(socket: Path) -> None:
    stage = Stage(socket, None)
    async with engine_at(socket, LiveRestoreEnabled=False):
        await stage.loop.begin()
        await stage.loop.engine.close()
    engine = stage.paper.engine
    assert engine is not None
    assert (engine.socket, engine.id, engine.root) == (str(socket), "A", "/data")
    assert stage.loop.last_version["ApiVersion"] == "1.41"
    assert "live-restore" in stage.loop.warnings[0]
