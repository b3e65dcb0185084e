"""How a revision ended is written down by the loop, once."""

from __future__ import annotations

from msgspec.structs import replace

from skerry.core.view import View
from skerry.loops.history import HistoryLoop
from skerry.model.objects import UpdateStatus
from skerry.model.releases import CONVERGED, PAUSED, ROLLING
from skerry.store.store import Store, Tx
from tests.core.world import Swarm, image, running
from tests.loops.stage import until, with_loop
from tests.support.memory import Memory


def put_all(tx: Tx, view: View) -> None:
    for rows in (view.clusters, view.nodes, view.services, view.revisions, view.tasks):
        for row in rows.values():
            tx.put(row)


def store_of(swarm: Swarm) -> Store:
    ids = iter(map(str, range(1000)))
    return Store(Memory(), lambda: swarm.now, lambda: next(ids))


async def test_ends_are_written_as_they_come() -> None:
    swarm = running()
    store = store_of(swarm)
    await store.update(lambda tx: put_all(tx, swarm.view))

    def state(number: int) -> str:
        row = store.view.revision("s", number)
        return row.outcome.state if row is not None else ""

    async def body() -> None:
        await until(lambda: state(1) == CONVERGED)
        swarm.update(image("2"))
        await store.update(lambda tx: put_all(tx, swarm.view))
        assert state(2) == ROLLING
        halted = replace(swarm.service, update=UpdateStatus("paused", "due to x", 1))
        await store.update(lambda tx: tx.put(halted))
        await until(lambda: state(2) == PAUSED)

    await with_loop(HistoryLoop(store).run, body())
