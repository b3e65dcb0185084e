"""The short form of `make atomic`: each way of breaking a service once, at each place of the chain."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.atomic.atomic import atomic
from tests.atomic.breaks import BREAKS, plan
from tests.atomic.compose_file import NAMES


def test_thirty_releases_break_every_service_in_five_ways_and_none_twice_in_one() -> None:
    seen = [(service, broken.name) for service, broken in islice(plan(), 30)]
    assert len(set(seen)) == 30
    for name in NAMES:
        assert sum(service == name for service, _ in seen) == 5
    for broken in BREAKS:
        assert sum(name == broken.name for _, name in seen) == 5


@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.timeout(300)
def test_each_way_ends_in_exactly_the_release_before() -> None:
    result = atomic(len(BREAKS), print)
    assert result.good, "\n".join([result.line, *result.failed, *result.wrong])
