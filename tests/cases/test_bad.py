"""Malformed requests, to skerry and to a genuine Swarm: the short form of `python -m tests.cases.bad`."""

from __future__ import annotations

import pytest

from harness.world import World
from tests.cases.bad import Swarm, compare, prepare
from tests.cases.malformed import few, requests
from tests.transcripts.wire import api_version

EACH = 6


def test_the_requests_are_the_same_each_time() -> None:
    assert list(requests("1.41")) == list(requests("1.41"))


@pytest.mark.case("BAD")
@pytest.mark.engine
@pytest.mark.timeout(600)
def test_a_malformed_request_has_the_status_that_a_genuine_swarm_gives_it() -> None:
    with Swarm() as swarm, World(images=["box"]) as world:
        prepare(world.socket)
        tally = compare(world.socket, swarm, few(api_version(swarm.socket), EACH))
    assert tally.inputs > 50
    assert tally.same == tally.inputs, tally
    assert not tally.crashed
