"""The table of labels: its page, its defaults, its sentences."""

from __future__ import annotations

import pytest

from skerry.model.labels import LABELS, PREFIX, check, check_names, read
from tests.model.labels_page import PAGE, page


def test_the_page_is_made_of_the_table() -> None:
    assert PAGE.read_text() == page(), "python -m tests.model.labels_page writes it"


@pytest.mark.parametrize("name", LABELS)
def test_every_label_begins_as_all_do_and_is_explained(name: str) -> None:
    assert name.startswith(PREFIX)
    assert LABELS[name].help.endswith(".")
    assert LABELS[name].values


def test_a_default_holds_where_nothing_is_said() -> None:
    assert {name: read({}, name) for name in LABELS} == {name: row.default for name, row in LABELS.items()}
    check({})


def test_a_name_that_nobody_knows_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(
        ValueError, match=r"no label skerry\.drain\.tmeout: is skerry\.drain\.timeout meant\?"
    ):
        check_names({"skerry.drain.tmeout": "1s"}, {})
    check_names({"skerry.drain.tmeout": "1s"}, {"skerry.drain.tmeout": "1s"})
    check_names({"traefik.enable": "true", "skerry.drain.timeout": "1s"}, {})


def test_a_value_that_means_nothing_is_refused_with_its_label() -> None:
    with pytest.raises(ValueError, match=r'^label skerry\.socket: "yes" is neither engine nor swarm$'):
        check({"skerry.socket": "yes"})
    with pytest.raises(ValueError, match=r"^label skerry\.hold\.timeout: 2h is longer than 1h$"):
        check({"skerry.hold.timeout": "2h"})
