"""How a revision ended is written down by the loop, once."""

from __future__ import annotations

from msgspec.structs import replace

from skerry.core.revisions import revision_of
from skerry.core.view import View
from skerry.loops.history import HistoryLoop
from skerry.model.objects import UpdateStatus
from skerry.model.releases import CONVERGED, PAUSED, ROLLING, SUPERSEDED
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


async def test_once_the_present_one_has_converged_as_many_stay_as_the_label_says() -> None:
    labels = {"skerry.history.keep": "2"}
    swarm = running(Labels=labels)
    for tag in ("2", "3"):
        swarm.update(image(tag, Labels=labels))
        for _ in range(10):
            swarm.agent()
            swarm.step(10)
    store = store_of(swarm)
    await store.update(lambda tx: put_all(tx, swarm.view))
    assert [row.number for row in store.view.revisions_of("s")] == [1, 2, 3]

    async def body() -> None:
        await until(lambda: [row.number for row in store.view.revisions_of("s")] == [2, 3])
        ends = [row.outcome.state for row in store.view.revisions_of("s")]
        assert ends == [SUPERSEDED, CONVERGED]

    await with_loop(HistoryLoop(store).run, body())


async def test_what_the_present_one_came_from_stays_however_many_failed_between() -> None:
    labels = {"skerry.history.keep": "2"}
    swarm = running(Labels=labels)
    for number in (2, 3, 4):
        swarm.put(replace(revision_of(swarm.service, parent=1), id=f"s.{number}", number=number))
    swarm.put(replace(swarm.service, revision=4))
    store = store_of(swarm)
    await store.update(lambda tx: put_all(tx, swarm.view))

    async def body() -> None:
        await until(lambda: [row.number for row in store.view.revisions_of("s")] == [1, 4])

    await with_loop(HistoryLoop(store).run, body())
