"""The store: one transaction at a time, also when whoever asked for it has gone."""

from __future__ import annotations

import asyncio
import threading

import pytest

from skerry.core.view import View
from skerry.model.files import Config
from skerry.store.store import Change, Store, Tx
from tests.support.memory import Clock, Memory, memory_store


class Slow(Memory):
    """Persistence whose first commit takes until the test lets it through."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.begun, self.released = threading.Event(), threading.Event()
        self.error = error

    def write(self, index: int, changes: tuple[Change, ...]) -> None:
        self.begun.set()
        assert self.released.wait(1.5)
        if self.error is not None:
            raise self.error
        super().write(index, changes)


async def _until(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 1.5)


def slow_store(error: Exception | None = None) -> tuple[Store, Slow]:
    disk = Slow(error)
    ids = (f"id{number}" for number in range(10))
    return Store(disk, Clock(), lambda: next(ids)), disk


@pytest.mark.parametrize("cancellations", [1, 3])
async def test_a_cancelled_caller_waits_for_its_commit_and_the_next_one_starts_after_it(
    cancellations: int,
) -> None:
    store, disk = slow_store()
    first = asyncio.create_task(store.update(lambda tx: tx.put(Config("a", "a", {}, b"1"))))
    await _until(disk.begun)
    second = asyncio.create_task(store.update(lambda tx: (tx.version, set(tx.view.configs))))
    for _ in range(cancellations):
        first.cancel()
        await asyncio.sleep(0)
    assert not first.done()
    assert not second.done()
    disk.released.set()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await second == (2, {"a"})
    assert (store.view.version, len(disk.commits)) == (1, 1)


async def test_a_commit_that_fails_after_its_caller_went_changes_nothing() -> None:
    store, disk = slow_store(OSError("disk full"))
    first = asyncio.create_task(store.update(lambda tx: tx.put(Config("a", "a", {}, b"1"))))
    await _until(disk.begun)
    first.cancel()
    disk.released.set()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert store.view == View()


async def test_a_commit_that_fails_raises_and_changes_nothing() -> None:
    store, disk = slow_store(OSError("disk full"))
    disk.released.set()
    async with store.watch() as commits:
        with pytest.raises(OSError, match="disk full"):
            await store.update(lambda tx: tx.put(Config("a", "a", {}, b"1")))
        assert store.view == View()
        assert commits.empty()


async def test_a_timeout_while_committing_is_a_timeout_and_the_commit_stands() -> None:
    store, disk = slow_store()
    asyncio.get_running_loop().call_later(0.05, disk.released.set)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await store.update(lambda tx: tx.put(Config("a", "a", {}, b"1")))
    assert set(store.view.configs) == {"a"}


async def test_a_refusal_leaves_everything_and_the_lock_free() -> None:
    store = memory_store()

    def refuse(tx: Tx) -> None:
        tx.put(Config("a", "a", {}, b"1"))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.update(refuse)
    assert store.view == View()
    await store.update(lambda tx: tx.put(Config("b", "b", {}, b"1")))
    assert set(store.view.configs) == {"b"}


async def test_watchers_see_commits_in_order_and_no_empty_ones() -> None:
    store = memory_store()
    async with store.watch() as commits:
        await store.update(lambda tx: tx.put(Config("a", "a", {}, b"1")))
        await store.update(lambda tx: None)
        await store.update(lambda tx: tx.delete(tx.view.configs["a"]))
        made, gone = commits.get_nowait(), commits.get_nowait()
        assert commits.empty()
    assert (made.view.version, gone.view.version) == (1, 2)
    assert made.changes[0].old is None
    assert gone.changes[0].new is None
    assert gone.changes[0].object == made.changes[0].object
