"""Networks that lose what they are made of: made again, and told until that is done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

import pytest

from skerry.loops.segments import SegmentsLoop
from skerry.model.conditions import Conditions
from skerry.model.traffic import Segment
from tests.core.front import swarm_on_front
from tests.engine.fake import FakeEngine
from tests.loops.stage import until, with_loop
from tests.support.memory import memory_store


class FakeDresser:
    """Bridges that a test takes away; `broken` is why none can be made."""

    def __init__(self) -> None:
        self.dressed: list[str] = []
        self.lacks: dict[str, str] = {}
        self.there = True
        self.broken = ""
        self.tell: Callable[[], None] = lambda: None
        self.plugged: list[Mapping[str, str]] = []

    async def ensure_segment(self, segment: Segment) -> bool:
        """Dress it, unless that cannot be."""
        if self.broken:
            raise OSError(self.broken)
        gone, self.there = not self.there, True
        self.dressed.append(segment.network_id)
        self.lacks.pop(segment.network_id, None)
        return gone

    async def drop_segment(self, segment: Segment) -> None:
        """Nothing to do."""

    async def faults(self, segments: Iterable[Segment]) -> Mapping[str, str]:
        """As told."""
        return dict(self.lacks)

    def stands(self, segment: Segment) -> bool:
        """As told."""
        return self.there

    async def displaced(self, pid: int, places: Mapping[str, str], runtime: str = "") -> Mapping[str, str]:
        """Remember who was plugged in."""
        self.plugged.append(places)
        return {}

    async def mended(self, refusal: str) -> bool:
        """The engine here needs no rules."""
        return False

    def on_lost(self, callback: Callable[[], None]) -> None:
        """Whom to tell."""
        self.tell = callback


Body = Callable[["Scene"], Awaitable[None]]


class Scene:
    """A loop over a swarm with one network."""

    def __init__(self, resync_s: float) -> None:
        self.engine, self.dresser, self.conditions = FakeEngine(), FakeDresser(), Conditions()
        view = swarm_on_front().view
        (self.network,) = [one for one in view.networks.values() if one.leg]
        store = memory_store(view)
        self.loop = SegmentsLoop(store, self.engine, self.dresser, self.conditions, resync_s)


def played(body: Body, resync_s: float = 1e6) -> None:
    """Run a test once the network is there."""

    async def main() -> None:
        scene = Scene(resync_s)

        async def whole() -> None:
            await until(lambda: len(scene.dresser.dressed) == 1)
            await body(scene)

        await with_loop(scene.loop.run, whole())

    asyncio.run(main())


@pytest.mark.case("E2")
def test_a_network_that_the_engine_removed_is_made_again_at_once() -> None:
    async def body(scene: Scene) -> None:
        scene.engine.prune(scene.network.engine_name)
        scene.dresser.there = False
        await until(lambda: len(scene.dresser.dressed) == 2)
        assert scene.network.engine_name in scene.engine.networks
        await until(lambda: scene.conditions.texts == [])

    played(body)


@pytest.mark.case("E2")
def test_a_network_is_not_ready_while_its_bridge_is_gone() -> None:
    async def body(scene: Scene) -> None:
        scene.engine.networks.clear()  # nobody tells
        scene.dresser.there = False
        await asyncio.wait_for(scene.loop.ready(scene.network.id), 15)
        assert scene.network.engine_name in scene.engine.networks
        assert len(scene.dresser.dressed) == 2

    played(body)


@pytest.mark.case("E2")
def test_a_network_that_went_unheard_is_made_again_by_the_next_look() -> None:
    async def body(scene: Scene) -> None:
        scene.engine.networks.clear()
        await until(lambda: scene.network.engine_name in scene.engine.networks)

    played(body, resync_s=0.02)


@pytest.mark.case("E3")
def test_what_is_missing_stands_in_the_status_until_it_is_mended() -> None:
    async def body(scene: Scene) -> None:
        scene.dresser.lacks = {scene.network.id: "the gate's link sl-x is gone"}
        scene.dresser.broken = "netlink: no such device"
        scene.dresser.tell()
        await until(lambda: bool(scene.conditions.texts))
        (text,) = scene.conditions.texts
        assert text.startswith(f"network {scene.network.name}: ")
        await until(lambda: "no such device; trying again" in scene.conditions.texts[0])
        scene.dresser.broken = ""
        await until(lambda: scene.conditions.texts == [])
        assert scene.dresser.lacks == {}

    played(body)


@pytest.mark.case("E3")
def test_an_engine_that_does_not_answer_hides_no_link_that_is_gone() -> None:
    async def body(scene: Scene) -> None:
        scene.engine.down = True
        scene.dresser.lacks = {scene.network.id: "its bridge sk-x is down"}
        scene.dresser.tell()
        await until(lambda: bool(scene.conditions.texts))
        scene.engine.down = False
        await until(lambda: scene.conditions.texts == [])

    played(body)
