"""The short form of the faults under load; `make cases` plays all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cases.faults.fault import Fault
from tests.cases.faults.kinds import chosen
from tests.cases.faults.run import play
from tests.cases.faults.stage import Stage

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def faulty() -> Iterator[Stage]:
    """A stage for all of them."""
    with Stage() as made:
        yield made


@pytest.mark.case("H1")
@pytest.mark.parametrize("fault", chosen(quick=True), ids=lambda fault: fault.name)
def test_a_fault_is_survived_and_no_request_fails_but_in_what_it_took(faulty: Stage, fault: Fault) -> None:
    result = play(faulty, fault)
    assert result.survived, result.line
    assert result.failed == result.explained, result.line
