"""`skerry history`: a line each."""

from __future__ import annotations

import pytest

from skerry.cli.deploy import versions
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


def test_versions_tell_who_has_them_and_of_secrets_no_digest() -> None:
    row = {
        "Number": 2,
        "At": "2026-11-28T12:00:01.5Z",
        "By": "ann",
        "Shown": True,
        "SameAs": 0,
        "Digest": "sha256:7692c3ad3540bb803c020b3aee66cd88",
        "Services": ["shop_web"],
        "Revisions": [{"Service": "shop_db", "Number": 3}],
        "Releases": [{"Stack": "shop", "Number": 1}],
    }
    nobody: Raw = {"Services": [], "Revisions": [], "Releases": []}
    secret = {**row, **nobody, "Number": 1, "By": "", "Shown": False}
    del secret["Digest"]
    assert table([versions.HEAD, versions.cells(secret), versions.cells(row)]) == [
        "NUMBER   WHEN                  BY    CONTENT               USED BY",
        "1        2026-11-28 12:00:01   -     its own               -",
        "2*       2026-11-28 12:00:01   ann   sha256:7692c3ad3540   "
        "shop_web, shop_db revision 3, shop release 1",
    ]
    assert versions.cells({**secret, "SameAs": 4})[3] == "as 4"
