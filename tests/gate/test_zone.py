"""Names: who asks decides."""

from __future__ import annotations

import pytest

from skerry.gate.zone import Zone
from skerry.model.traffic import Client, Name, Segment, Traffic, VirtualService

ZONE = Zone.of(
    Traffic(
        segments=(
            Segment("red", "sk-red", "10.0.1.0/24", "10.0.1.1", "10.0.1.254", names=("red",)),
            Segment("blue", "sk-blue", "10.0.2.0/24", "10.0.2.1", "10.0.2.254", names=("s_blue", "blue")),
        ),
        services=(VirtualService("s", "red", "10.0.1.130"),),
        names=(
            Name("red", "app", ("10.0.1.130",)),
            Name("red", "tasks.app", ("10.0.1.2", "10.0.1.3")),
            Name("red", "web", ("10.0.1.4",)),
            Name("red", "web.1.abc", ("10.0.1.4",), rank=1),
            Name("blue", "db", ("10.0.2.130",)),
            Name("blue", "none", ()),
        ),
        clients=(
            Client("10.0.1.2", ("red",)),
            Client("10.0.1.4", ("red", "blue"), nameservers=("192.0.2.53",)),
        ),
        deploying=(("red", 100.0),),
    )
)


@pytest.mark.parametrize(
    ("requester", "leg", "name", "found"),
    [
        ("10.0.1.2", "10.0.1.254", "app", ("10.0.1.130",)),
        ("10.0.1.2", "10.0.1.254", "APP.", ("10.0.1.130",)),
        ("10.0.1.2", "10.0.1.254", "tasks.app", ("10.0.1.2", "10.0.1.3")),
        ("10.0.1.2", "10.0.1.254", "db", None),
        ("10.0.1.4", "10.0.1.254", "db", ("10.0.2.130",)),
        ("10.0.1.99", "10.0.1.254", "app", ("10.0.1.130",)),
        ("10.0.2.99", "10.0.2.254", "app", None),
        ("10.0.2.99", "10.0.2.254", "none", ()),
        ("10.0.9.9", "", "app", None),
    ],
)
def test_lookup(requester: str, leg: str, name: str, found: tuple[str, ...] | None) -> None:
    assert ZONE.lookup(ZONE.asker(requester, leg), name) == found


def test_a_task_is_found_backwards_by_its_own_name_and_a_vip_is_not() -> None:
    assert ZONE.name_of(ZONE.asker("10.0.1.2"), "10.0.1.4") == "web.1.abc.red"
    assert ZONE.name_of(ZONE.asker("10.0.1.2"), "10.0.1.130") is None
    assert ZONE.name_of(ZONE.asker("10.0.2.9", "10.0.2.254"), "10.0.1.4") is None


def test_a_name_may_appear_while_a_stack_of_that_network_is_deployed() -> None:
    assert ZONE.may_appear(ZONE.asker("10.0.1.2"), 99.0)
    assert not ZONE.may_appear(ZONE.asker("10.0.1.2"), 100.5)
    assert not ZONE.may_appear(ZONE.asker("10.0.2.9", "10.0.2.254"), 99.0)
