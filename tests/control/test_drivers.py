"""What an overlay network is asked for and gets, and what is refused by its name."""

from __future__ import annotations

from ipaddress import IPv6Network

import pytest

from skerry.control import networks
from skerry.core.derive import segment_of
from skerry.loops.segments import engine_body
from skerry.model import mtu
from skerry.model.objects import Network, Raw
from skerry.model.traffic import Block
from tests.control.swarm_of_one import World, invalid

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


SIX = "fd00:77::/64"


@pytest.mark.case("N13")
@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"IPAM": {"Config": [{"Subnet": SIX}]}},
            f"the subnet {SIX} is one of IPv6, and the network is to have none: add --ipv6, or leave that "
            "subnet out",
        ),
        (
            {"EnableIPv6": True, "IPAM": {"Config": [{"Subnet": SIX}, {"Subnet": "fd00:78::/64"}]}},
            f"several IPv6 subnets in one network ({SIX}, fd00:78::/64) are not supported: the bridge of a "
            "single machine has one; ask for one subnet with a shorter prefix",
        ),
        (
            {"EnableIPv6": True, "IPAM": {"Config": [{"Subnet": "fd00::/121"}]}},
            "subnet fd00::/121 is too small: an overlay network needs a /120 or larger",
        ),
        (
            {"EnableIPv6": True, "IPAM": {"Config": [{"Subnet": "fe80::/64"}]}},
            "invalid subnet fe80::/64: link-local addresses are each link's own",
        ),
        (
            {"EnableIPv6": True, "IPAM": {"Config": [{"Subnet": "ff02::/64"}]}},
            "invalid subnet ff02::/64: no host can have a loopback or multicast address",
        ),
        (
            {"EnableIPv6": True, "IPAM": {"Config": [{"Subnet": SIX, "Gateway": "fd00:77::"}]}},
            "invalid gateway: fd00:77:: is the network's own address",
        ),
        (
            {"EnableIPv6": True, "IPAM": {"Config": [{"Subnet": SIX, "IPRange": "10.0.0.0/24"}]}},
            invalid(f"ipam configuration: subnet {SIX} does not contain range 10.0.0.0/24"),
        ),
    ],
)
def test_ipv6_that_makes_no_sense_is_refused_in_words(fields: Raw, text: str) -> None:
    body = {"Name": "n", "Driver": "overlay", **fields}
    World().refuses(lambda store: networks.create(store, body), 400, text)


@pytest.mark.case("N13")
@pytest.mark.parametrize(
    ("config", "gateway", "leg", "shown"),
    [
        ([{"Subnet": SIX}], "fd00:77::1", "fd00:77::ffff", SIX),
        ([{"Subnet": "10.78.0.0/24"}, {"Subnet": SIX}], "fd00:77::1", "fd00:77::ffff", SIX),
        ([{"Subnet": SIX, "Gateway": "FD00:77:0::5"}], "fd00:77::5", "fd00:77::ffff", SIX),
        ([{"Subnet": SIX, "IPRange": "fd00:77::1:0:0/96"}], "fd00:77::1:0:0", "fd00:77::ffff", SIX),
        ([{"Subnet": "fd00:77::/120"}], "fd00:77::1", "fd00:77::ff", "fd00:77::/120"),
    ],
)
def test_the_addresses_that_a_network_with_ipv6_asks_for(
    config: list[Raw], gateway: str, leg: str, shown: str
) -> None:
    world = World()
    body = {"Name": "n", "Driver": "overlay", "EnableIPv6": True, "IPAM": {"Config": config}}
    key = world.run(networks.create(world.store, body))
    network = world.view.networks[key]
    assert network.six is not None
    assert (network.six.subnet, network.six.gateway, network.six.leg) == (shown, gateway, leg)
    assert ":" not in network.subnet
    assert segment_of(network).six == Block(shown, gateway, leg)


@pytest.mark.case("N13")
def test_networks_without_a_subnet_of_their_own_get_one_of_the_swarms_block() -> None:
    world = World()
    body = {"Driver": "overlay", "EnableIPv6": True}
    keys = [world.run(networks.create(world.store, {**body, "Name": name})) for name in ("a", "b")]
    plans = [plan for key in keys if (plan := world.view.networks[key].six) is not None]
    one, other = (IPv6Network(plan.subnet) for plan in plans)
    assert one.prefixlen == other.prefixlen == 64
    assert one.supernet(new_prefix=48) == other.supernet(new_prefix=48)
    assert one.subnet_of(IPv6Network("fd00::/8"))
    assert not one.overlaps(other)
    taken = str(IPv6Network((int(other.network_address) + other.num_addresses, 64)))
    third = world.run(networks.create(world.store, {**body, "Name": "c"}, [taken]))
    assert world.view.networks[third].six != plans[1]
    assert taken not in str(world.view.networks[third].six)


@pytest.mark.case("N13")
def test_an_ipv6_subnet_that_overlaps_is_refused() -> None:
    world = World()
    body = {"Driver": "overlay", "EnableIPv6": True, "IPAM": {"Config": [{"Subnet": SIX}]}}
    world.run(networks.create(world.store, {**body, "Name": "a"}))
    text = invalid(f"ipam configuration: subnet {SIX} overlaps with network a ({SIX})")
    world.refuses(lambda store: networks.create(store, {**body, "Name": "b"}), 400, text)
    config = {"Config": [{"Subnet": "2001:db8::/48"}]}
    text = "2001:db8::/64, which this machine reaches otherwise"
    world.refuses(
        lambda store: networks.create(store, {**body, "Name": "b", "IPAM": config}, ["2001:db8::/64"]),
        400,
        invalid(f"ipam configuration: subnet 2001:db8::/48 overlaps with {text}"),
    )
