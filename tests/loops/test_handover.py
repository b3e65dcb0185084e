"""A task's way out: which addresses are drained, and when its flows are forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

import pytest
from msgspec.structs import replace

from skerry.loops.handover import Handover
from skerry.loops.network import NetworkLoop
from skerry.loops.segments import SegmentsLoop
from skerry.model.defaults import MILLISECOND, SECOND
from skerry.model.drain import DrainOutcome, DrainRules
from skerry.model.objects import Attachment
from tests.core.front import swarm_on_front
from tests.engine.fake import FakeEngine
from tests.loops.stage import FakeSwitch
from tests.support.memory import memory_store
from tests.support.specs import of_service


class FakeDrainer:
    """Drains at once, with so many connections left; dresses nothing."""

    def __init__(self, open_still: int, left: int = 0) -> None:
        self.outcome = DrainOutcome(open=open_still, waited=3_000_000, closed_idle=1, left=left)
        self.rules: DrainRules | None = None
        self.drained: list[str | None] = []
        self.forgotten: list[str] = []
        self.established: bool | None = None
        self.led: list[tuple[int, str, str]] = []

    async def drain(self, pid: int, address: str | None, rules: DrainRules) -> DrainOutcome:
        """As told."""
        self.drained.append(address)
        self.rules = rules
        return self.outcome

    async def forget(self, addresses: Iterable[str], *, established: bool = True) -> None:
        """Remember them."""
        self.forgotten += addresses
        self.established = established

    async def lead_names(self, pid: int, leg: str, address: str) -> None:
        """Remember them."""
        self.led.append((pid, leg, address))

    async def silence(self, pid: int, listening: object, runtime: str, timeout_s: float | None) -> str:
        """Everybody listens."""
        return ""

    async def displaced(self, pid: int, places: Mapping[str, str], runtime: str = "") -> Mapping[str, str]:
        """Nobody rewires anything."""
        return {}

    async def mended(self, refusal: str) -> bool:
        """The engine here needs no rules."""
        return False

    async def faults(self, segments: object) -> Mapping[str, str]:
        """Nothing is lost."""
        return {}

    def stands(self, segment: object) -> bool:
        """All bridges do."""
        return True

    def on_lost(self, callback: object) -> None:
        """Nothing is lost."""

    async def ensure_segment(self, segment: object) -> bool:
        """No bridge here."""
        return False

    async def drop_segment(self, segment: object) -> None:
        """No bridge here."""


@pytest.mark.parametrize(
    ("addresses", "still", "left", "drained", "forgotten", "established"),
    [
        (("10.0.1.2",), 0, 0, ["10.0.1.2"], ["10.0.1.2"], True),
        (("10.0.1.2", "10.0.2.2"), 0, 0, [None], ["10.0.1.2", "10.0.2.2"], True),
        (("10.0.1.2",), 1, 0, ["10.0.1.2"], [], None),  # it may still answer within its grace period
        (("10.0.1.2",), 0, 2, ["10.0.1.2"], ["10.0.1.2"], False),  # it says goodbye on these two
        ((), 0, 0, [], [], None),
    ],
)
async def test_drain(
    addresses: tuple[str, ...],
    still: int,
    left: int,
    drained: list[str],
    forgotten: list[str],
    established: bool | None,
) -> None:
    async def main() -> FakeDrainer:
        store, drainer = memory_store(swarm_on_front().view), FakeDrainer(still, left)
        segments = SegmentsLoop(store, FakeEngine(), drainer)
        handover = Handover(NetworkLoop(store, FakeSwitch()), segments, drainer)
        task = store.view.tasks_of("s")[0]
        task = replace(
            task,
            status=replace(task.status, pid=7),
            attachments=tuple(Attachment(f"net{at}", one) for at, one in enumerate(addresses)),
        )
        outcome = await handover.drain(task)
        assert outcome == (DrainOutcome(still, 3_000_000, 1, left) if addresses else None)
        return drainer

    drainer = await main()
    assert (drainer.drained, drainer.forgotten, drainer.established) == (drained, forgotten, established)


async def test_a_removed_service_still_says_how_its_tasks_are_drained() -> None:
    labels = {"skerry.drain.timeout": "3s", "skerry.drain.quiet": "200ms", "skerry.drain.idle": "leave"}

    store, drainer = memory_store(swarm_on_front().view), FakeDrainer(0)
    network = NetworkLoop(store, FakeSwitch())
    running = asyncio.create_task(network.run())
    handover = Handover(network, SegmentsLoop(store, FakeEngine(), drainer), drainer)
    service, task = store.view.services["s"], store.view.tasks_of("s")[0]
    task = replace(task, status=replace(task.status, pid=7), attachments=(Attachment("n", "10.0.1.2"),))
    await asyncio.sleep(0)
    await store.update(
        lambda tx: tx.put(replace(service, spec=of_service({**service.spec.raw, "Labels": labels})))
    )
    await store.update(lambda tx: tx.delete(tx.view.services["s"]))
    await asyncio.sleep(0.01)
    await handover.drain(task)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert drainer.rules == DrainRules(3 * SECOND, 200 * MILLISECOND, "leave")


@pytest.mark.case("N10")
@pytest.mark.parametrize(
    ("places", "pid", "led"),
    [
        ({"net": "10.0.1.2"}, 7, [(7, "10.0.1.254", "10.0.1.2")]),
        ({"elsewhere": "192.0.2.2", "net": "10.0.1.2"}, 7, [(7, "10.0.1.254", "10.0.1.2")]),
        ({"net": ""}, 7, []),
        ({"net": "10.0.1.2"}, 0, []),
        ({}, 7, []),
    ],
)
async def test_names_are_led_to_a_leg_of_the_task_s(
    places: dict[str, str], pid: int, led: list[tuple[int, str, str]]
) -> None:
    async def main() -> FakeDrainer:
        store, drainer = memory_store(swarm_on_front().view), FakeDrainer(0)
        segments = SegmentsLoop(store, FakeEngine(), drainer)
        await Handover(NetworkLoop(store, FakeSwitch()), segments, drainer).lead_names(places, pid)
        return drainer

    assert (await main()).led == led
