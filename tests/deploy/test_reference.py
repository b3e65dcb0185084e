"""The short form of `make deploy-test`: containers under skerry are what they are under Compose."""

from __future__ import annotations

import pytest

from harness.world import World
from tests.deploy import reference
from tests.deploy.__main__ import Tally, compare


@pytest.mark.engine
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", reference.SHORT)
def test_containers_are_what_compose_makes_them(world: World, name: str) -> None:
    tally = Tally()
    compare(world, name, tally)
    assert tally.failed == []
    assert tally.checks > 20
