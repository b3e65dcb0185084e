"""The loop that knows plain containers: on our networks they have names, and the gate knows them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from skerry.core.view import View
from skerry.loops.guests import GuestsLoop
from skerry.loops.network import NetworkLoop
from skerry.model.objects import Raw
from skerry.store.store import Store
from tests.core.front import swarm_on_front
from tests.engine.fake import FakeEngine
from tests.loops.stage import FakeSwitch, until
from tests.support.memory import memory_store

TASK: Raw = {"com.docker.swarm.task.id": "x"}


class Stage:
    """An engine with the network of a swarm, its loops, and who is led where."""

    def __init__(self, *, attachable: bool = True, resync_s: float = 30.0) -> None:
        view = swarm_on_front().view
        self.network = replace(view.networks["net"], attachable=attachable)
        self.store: Store = memory_store(View(**{**vars_of(view), "networks": {"net": self.network}}))
        self.engine = FakeEngine()
        self.engine.networks[self.network.engine_name] = "net"
        self.switch = FakeSwitch()
        self.led: list[tuple[int, str, str]] = []
        self.traffic = NetworkLoop(self.store, self.switch)
        self.guests = GuestsLoop(self.store, self.engine, self.traffic, self, resync_s)

    async def lead_names(self, pid: int, leg: str, address: str) -> None:
        """Remember them."""
        self.led.append((pid, leg, address))

    async def guest(self, name: str, **labels: str) -> str:
        """A container is run on the network; its ID."""
        endpoints: Raw = {"EndpointsConfig": {self.network.engine_name: {}}}
        body = {"Image": "box:1", "NetworkingConfig": endpoints, "Labels": labels}
        key = await self.engine.create_container(name, body)
        await self.engine.start_container(name)
        return key

    @property
    def names(self) -> set[str]:
        """Of guests, as the gate knows them."""
        return {
            name.name for name in self.switch.applied[-1].names if name.rank == 1 and "." not in name.name
        }


def vars_of(view: View) -> Raw:
    return {field: getattr(view, field) for field in ("nodes", "services", "tasks", "clusters")}


def on_stage(play: Callable[[Stage], Awaitable[None]], stage: Stage) -> None:
    async def main() -> None:
        loops = [asyncio.create_task(loop.run()) for loop in (stage.traffic, stage.guests)]
        try:
            await until(lambda: bool(stage.switch.applied))
            await play(stage)
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)

    asyncio.run(main())


def test_guests_come_and_go() -> None:
    async def play(stage: Stage) -> None:
        await stage.guest("cache")
        await until(lambda: stage.names == {"cache"})
        await until(lambda: len(stage.led) == 1)
        assert stage.led[0][1] == stage.network.leg
        await stage.guest("other")
        await until(lambda: stage.names == {"cache", "other"})
        await stage.engine.remove_container("cache")
        await until(lambda: stage.names == {"other"})
        stage.engine.disconnect("other", stage.network.engine_name)
        await until(lambda: stage.names == set())
        stage.engine.reconnect("other", stage.network.engine_name)
        await until(lambda: stage.names == {"other"})

    on_stage(play, Stage())


def test_guests_that_were_there_before_are_in_the_first_table() -> None:
    async def before(stage: Stage) -> None:
        await stage.guest("cache")

    async def play(stage: Stage) -> None:
        assert {name.name for name in stage.switch.applied[0].names} >= {"cache"}

    stage = Stage()
    asyncio.run(before(stage))
    on_stage(play, stage)


def test_whoever_starts_a_guest_waits_until_the_gate_knows_it() -> None:
    async def play(stage: Stage) -> None:
        stage.switch.lasts_s = 0.05
        stage.engine.break_events()  # nobody tells
        key = await stage.guest("cache")
        await stage.guests.settled(key)
        assert stage.names == {"cache"}

    on_stage(play, Stage())


def test_what_no_event_told_is_seen_by_the_next_look() -> None:
    async def play(stage: Stage) -> None:
        await stage.guest("cache")
        await until(lambda: stage.names == {"cache"})
        stage.engine.lose("cache")
        await until(lambda: stage.names == set())

    on_stage(play, Stage(resync_s=0.02))


def test_tasks_are_no_guests_and_cost_no_look() -> None:
    async def play(stage: Stage) -> None:
        await stage.guest("web.1.x", **TASK)
        await stage.guest("cache")
        await until(lambda: stage.names == {"cache"})
        assert not any(call.startswith("inspect") and "cache" not in call for call in stage.engine.calls[:-1])

    on_stage(play, Stage())


def test_an_engine_that_is_away_keeps_what_was_known() -> None:
    async def play(stage: Stage) -> None:
        await stage.guest("cache")
        await until(lambda: stage.names == {"cache"})
        stage.engine.down = True
        stage.engine.break_events()
        await stage.guests.settled("x")
        assert stage.names == {"cache"}
        stage.engine.down = False
        await stage.guest("other")
        await until(lambda: stage.names == {"cache", "other"})

    on_stage(play, Stage())


def test_an_engine_that_is_away_from_the_first_does_not_hold_up_the_traffic() -> None:
    async def play(stage: Stage) -> None:
        assert stage.switch.applied[0].services

    stage = Stage()
    stage.engine.down = True
    on_stage(play, stage)


def test_where_no_network_takes_guests_the_engine_is_not_asked() -> None:
    async def play(stage: Stage) -> None:
        await stage.guest("cache")
        await stage.guests.settled("cache")
        assert not [call for call in stage.engine.calls if call.startswith(("inspect", "list"))]

    on_stage(play, Stage(attachable=False))


@pytest.mark.parametrize("repetitions", [3])
def test_a_change_that_is_undone_at_once_holds_nobody_up(repetitions: int) -> None:
    async def play(stage: Stage) -> None:
        stage.switch.lasts_s = 0.01
        for _ in range(repetitions):
            key = await stage.guest("cache")
            looks = asyncio.create_task(stage.guests.settled(key))
            await asyncio.sleep(0)
            await stage.engine.remove_container("cache")
            await looks
            await stage.guests.settled(key)
            assert stage.names == set()

    on_stage(play, Stage())
