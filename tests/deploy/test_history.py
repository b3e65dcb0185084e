"""`skerry history`: a line each."""

from __future__ import annotations

import pytest

from skerry.cli.deploy.history import HEAD, cells, ended, table
from skerry.model.objects import Raw


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ({"State": "converged", "Reason": "", "Seconds": 3.141}, "converged in 3.1 s"),
        ({"State": "paused", "Reason": "due to task x", "Seconds": 1}, "paused: due to task x"),
        ({"State": "rolling", "Reason": "", "Seconds": 1}, "rolling"),
        ({"State": "", "Reason": "", "Seconds": 1}, "unknown"),
    ],
)
def test_how_it_ended(outcome: Raw, words: str) -> None:
    assert ended(outcome) == words


def test_rows_stand_one_below_the_other() -> None:
    row = {
        "Number": 12,
        "Current": True,
        "At": "2026-11-28T12:00:01.5Z",
        "By": "",
        "Outcome": {"State": "rolling", "Reason": ""},
        "Changes": "app new",
        "Message": "the first",
    }
    assert table([HEAD, cells(row)]) == [
        "NUMBER   WHEN                  BY   ENDED     CHANGED",
        "12*      2026-11-28 12:00:01   -    rolling   app new (the first)",
    ]
