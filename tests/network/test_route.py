"""Links, addresses and routes, asked of the kernel and looked at by `ip`."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from typing import Any

import pytest

from skerry.linux.netns import RUN_NETNS, inside
from skerry.linux.rtnetlink import Rtnetlink
from tests.network.lab import Lab, sh

pytestmark = [pytest.mark.engine, pytest.mark.timeout(30)]


def shown(lab: Lab, name: str) -> Any:
    """A link of the machine's, as `ip` shows it."""
    return json.loads(sh(f"ip -n {lab.machine} -d -json addr show dev {name}"))[0]


def test_a_pair_of_links_on_a_bridge(lab: Lab) -> None:
    sh(f"ip -n {lab.machine} link add br9 type bridge")

    def plug() -> None:
        with Rtnetlink() as route, (RUN_NETNS / lab.outside).open() as there:
            bridge = route.index("br9")
            assert bridge is not None
            route.call_iptables(bridge)
            route.plug("port9", "far9", there.fileno())
            port = route.index("port9")
            assert port is not None
            route.raise_link(port, master=bridge)
            before = route.link(port)
            assert before is not None
            assert (before.name, before.master, before.hairpin, before.up) == ("port9", bridge, False, True)
            route.hairpin(port)
            assert replace(before, hairpin=True) in route.links()

    inside(RUN_NETNS / lab.machine, plug)
    assert shown(lab, "br9")["linkinfo"]["info_data"]["nf_call_iptables"] == 1
    port = shown(lab, "port9")
    assert (port["master"], "UP" in port["flags"]) == ("br9", True)
    assert port["linkinfo"]["info_slave_data"]["hairpin"] is True
    assert "far9" in sh(f"ip -n {lab.outside} -brief link")

    def unplug() -> None:
        with Rtnetlink() as route:
            route.delete_link(route.index("port9") or 0)
            assert route.index("port9") is None

    inside(RUN_NETNS / lab.machine, unplug)


def test_an_address_and_a_local_subnet_may_be_there_already(lab: Lab) -> None:
    def dress() -> None:
        with Rtnetlink() as route:
            index = route.index("out0")
            assert index is not None
            for _ in range(2):
                route.address(index, "10.7.0.254", 24)
                route.make_local("10.7.0.128/25")

    inside(RUN_NETNS / lab.machine, dress)
    assert {"local": "10.7.0.254", "prefixlen": 24}.items() <= shown(lab, "out0")["addr_info"][1].items()
    asked = f"ip -n {lab.machine} -json route get 10.7.0.200"
    assert json.loads(sh(asked))[0]["type"] == "local"

    def undress() -> None:
        with Rtnetlink() as route:
            route.make_foreign("10.7.0.128/25")
            with pytest.raises(OSError, match="No such process") as refused:
                route.make_foreign("10.7.0.128/25")
            assert refused.value.errno == errno.ESRCH

    inside(RUN_NETNS / lab.machine, undress)
    assert json.loads(sh(asked))[0].get("type") != "local"


def test_a_link_that_is_gone(lab: Lab) -> None:
    def ask() -> None:
        with Rtnetlink() as route:
            assert route.index("nothing9") is None
            with pytest.raises(OSError, match="No such device"):
                route.hairpin(4711)

    inside(RUN_NETNS / lab.machine, ask)
