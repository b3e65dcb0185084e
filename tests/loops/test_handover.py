"""A task's way out: which addresses are drained, and when its flows are forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from skerry.loops.handover import Handover
from skerry.loops.network import NetworkLoop
from skerry.loops.segments import SegmentsLoop
from skerry.model.objects import Attachment
from skerry.network.drain import Drained
from tests.core.test_endpoints import swarm_on_front
from tests.engine.fake import FakeEngine
from tests.loops.test_loops import FakeSwitch
from tests.support.memory import memory_store


class FakeDrainer:
    """Drains at once, with so many connections left; dresses nothing."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.drained: list[str | None] = []
        self.forgotten: list[str] = []

    async def drain(self, pid: int, address: str | None, timeout_ns: int) -> Drained:
        """As told."""
        self.drained.append(address)
        return Drained(open=self.left, waited_ns=3_000_000, closed_idle=1)

    async def forget(self, addresses: Iterable[str]) -> None:
        """Remember them."""
        self.forgotten += addresses

    async def ensure_segment(self, segment: object) -> None:
        """No bridge here."""

    async def drop_segment(self, segment: object) -> None:
        """No bridge here."""


@pytest.mark.parametrize(
    ("addresses", "left", "drained", "forgotten"),
    [
        (("10.0.1.2",), 0, ["10.0.1.2"], ["10.0.1.2"]),
        (("10.0.1.2", "10.0.2.2"), 0, [None], ["10.0.1.2", "10.0.2.2"]),
        (("10.0.1.2",), 1, ["10.0.1.2"], []),  # it may still answer within its grace period
        ((), 0, [], []),
    ],
)
def test_drain(addresses: tuple[str, ...], left: int, drained: list[str], forgotten: list[str]) -> None:
    async def main() -> FakeDrainer:
        store, drainer = memory_store(swarm_on_front().view), FakeDrainer(left)
        segments = SegmentsLoop(store, FakeEngine(), drainer)
        handover = Handover(NetworkLoop(store, FakeSwitch()), segments, drainer)
        task = store.view.tasks_of("s")[0]
        task = replace(
            task,
            status=replace(task.status, pid=7),
            attachments=tuple(Attachment(f"net{at}", one) for at, one in enumerate(addresses)),
        )
        said = await handover.drain(task)
        assert said == (f"drained in 3 ms: 1 idle closed, {left} still open" if addresses else "")
        return drainer

    drainer = asyncio.run(main())
    assert (drainer.drained, drainer.forgotten) == (drained, forgotten)
