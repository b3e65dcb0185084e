"""The soak in its short form: nothing grows with the number of updates."""

from __future__ import annotations

import pytest

from tests.soak.soak import soak


@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.timeout(900)
@pytest.mark.case("C13")
def test_updates_leave_nothing_behind() -> None:
    result = soak(180, 20)
    assert not result.failures, f"{result.line}: {result.failures}"
