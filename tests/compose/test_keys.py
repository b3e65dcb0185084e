"""The table of keys knows every key of the Compose that reads the files."""

from __future__ import annotations

import pytest

from skerry.cli.compose import program
from skerry.cli.compose.keys import KEYS, How, refused_uses, row_of, unknown_uses
from skerry.model.labels import LABELS
from tests.compose.page import PAGE, page
from tests.compose.schema import paths, schema

SCHEMA = paths(schema(program.find({}).path))


def test_the_schema_is_the_whole_one() -> None:
    assert {
        "services.*.image",
        "services.*.deploy.resources.limits.cpus",
        "networks.*.ipam.config.subnet",
    } <= SCHEMA


def test_no_key_is_without_a_row() -> None:
    assert {path for path in SCHEMA if row_of(path) is None and not _is_parent(path)} == set()


def _is_parent(path: str) -> bool:
    """Whether all that a key has stands in rows below it."""
    return any(row.startswith(f"{path}.") for row in KEYS)


def test_no_row_is_without_a_key() -> None:
    assert {
        path for path in KEYS if path not in SCHEMA and not path.startswith("services.*.ulimits.")
    } == set()


def test_the_page_is_made_of_the_table() -> None:
    assert PAGE.read_text() == page(), "python -m tests.compose.page writes it"


@pytest.mark.parametrize("path", [path for path, key in KEYS.items() if key.how is How.LABEL])
def test_a_label_of_the_table_is_a_label(path: str) -> None:
    assert KEYS[path].label in LABELS


@pytest.mark.parametrize("path", [path for path, key in KEYS.items() if key.how is How.REFUSED])
def test_what_is_refused_says_why(path: str) -> None:
    assert len(KEYS[path].refused.split()) > 3
    value: object = False if path.endswith("enable_ipv4") else "1.2.3.4"
    for part in reversed(path.split(".")):
        value = {"name" if part == "*" else part: value}
    assert isinstance(value, dict)
    assert [use.key.path for use in refused_uses(value)] == [path]


def test_a_key_that_nobody_knows_is_seen() -> None:
    model = {
        "x-mine": {"any": 1},
        "services": {
            "web": {"image": "a", "novel": 1, "ports": [{"target": 1, "shape": "round"}], "x-own": 2}
        },
        "networks": {"back": {"driver_opts": {"any": "1"}, "colour": "red"}},
    }
    assert set(unknown_uses(model)) == {
        ("services", "web", "novel"),
        ("services", "web", "ports", "shape"),
        ("networks", "back", "colour"),
    }
