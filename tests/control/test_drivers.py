"""What an overlay network is asked for and gets, and what is refused by its name."""

from __future__ import annotations

import pytest

from skerry.control import networks
from skerry.core.derive import segment_of
from skerry.loops.segments import engine_body
from skerry.model import mtu
from skerry.model.objects import Network, Raw
from tests.control.swarm_of_one import World

MTU = "com.docker.network.driver.mtu"


def made(**fields: Raw) -> Network:
    world = World()
    key = world.network("n", **fields)
    return world.view.networks[key]


@pytest.mark.case("N12")
@pytest.mark.parametrize(("asked", "inside"), [("118", 68), ("1300", 1250), ("1500", 1450), ("9000", 8950)])
def test_an_mtu_has_fifty_bytes_less_inside_as_in_a_swarm(asked: str, inside: int) -> None:
    network = made(Options={MTU: asked})
    assert engine_body(network)["Options"][MTU] == str(inside)
    assert segment_of(network).mtu == inside


@pytest.mark.case("N12")
def test_without_one_the_engine_measures() -> None:
    network = made(Options={"encrypted": ""})
    assert MTU not in engine_body(network)["Options"]
    assert segment_of(network).mtu == 0


@pytest.mark.case("N12")
@pytest.mark.parametrize("asked", ["abc", "-1", "0", "117", "65586", "1e3", "9" * 5000, "²"])
def test_an_mtu_that_no_link_can_have_is_refused(asked: str) -> None:
    text = (
        f"invalid MTU value: {asked}: {MTU} is a number from 118 to 65585, of which packets in containers "
        "have 50 bytes less"
    )
    body = {"Name": "n", "Driver": "overlay", "Options": {MTU: asked}}
    World().refuses(lambda store: networks.create(store, body), 400, text)


@pytest.mark.case("N12")
@pytest.mark.parametrize("asked", ["abc", "40"])
def test_a_network_from_before_that_was_looked_at_goes_on(asked: str) -> None:
    assert Network("id", "n", {"Options": {mtu.OPTION: asked}}).mtu == 0


NO_IPV6 = "IPv6 is not supported on overlay networks: create network n without"


@pytest.mark.case("N13")
@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"EnableIPv6": True}, f"{NO_IPV6} --ipv6 (in a stack file: enable_ipv6)"),
        (
            {"EnableIPv6": True, "IPAM": {"Config": [{"Subnet": "fd00:77::/64"}]}},
            f"{NO_IPV6} --ipv6 (in a stack file: enable_ipv6)",
        ),
        ({"IPAM": {"Config": [{"Subnet": "fd00:77::/64"}]}}, f"{NO_IPV6} the subnet fd00:77::/64"),
        (
            {"IPAM": {"Config": [{"Subnet": "10.78.0.0/24"}, {"Subnet": "fd00::/64"}]}},
            f"{NO_IPV6} the subnet fd00::/64",
        ),
    ],
)
def test_ipv6_is_refused_by_its_name(fields: Raw, text: str) -> None:
    body = {"Name": "n", "Driver": "overlay", **fields}
    World().refuses(lambda store: networks.create(store, body), 501, text)
