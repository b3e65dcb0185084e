"""Fixtures of the network lab."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from skerry.model.traffic import Segment
from skerry.network.kernel import KernelNetwork
from tests.network.lab import Lab
from tests.network.pair import pair
from tests.network.town import town

__all__ = ["lab", "pair", "started", "town"]

Started = Callable[..., AbstractAsyncContextManager[KernelNetwork]]


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A machine and an outside host; gone afterwards."""
    made = Lab()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def started(lab: Lab) -> Iterator[Started]:
    """`async with started(RED, BLUE) as network`: a running network with legs, purged afterwards."""
    with tempfile.TemporaryDirectory(prefix="sklab-") as folder:

        @asynccontextmanager
        async def start(*segments: Segment) -> AsyncIterator[KernelNetwork]:
            network = KernelNetwork(Path(folder), lab.tag)
            await network.start()
            try:
                for segment in segments:
                    await network.ensure_segment(segment)
                yield network
            except BaseException:
                print((Path(folder) / "gate.log").read_text())
                raise
            finally:
                await network.purge()

        yield start
