"""What the machine has, seen from a namespace of the lab."""

from __future__ import annotations

import pytest

from skerry.linux.netns import RUN_NETNS, inside
from skerry.network import machine
from tests.network.lab import MACHINE, RED, Lab

pytestmark = [pytest.mark.engine, pytest.mark.timeout(20)]


def test_addresses_and_routes_without_our_own(lab: Lab) -> None:
    lab.bridge(RED)
    place = RUN_NETNS / lab.machine
    assert inside(place, machine.interfaces) == {"lo": "127.0.0.1", "out0": MACHINE}
    assert inside(place, machine.routes) == ["192.0.2.0/24"]
