"""What the allocator never does, whatever users do."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from skerry.core import allocate
from skerry.core.addresses import Exhausted, lay_out
from skerry.core.view import View
from skerry.model.objects import Cluster, Endpoint, Network, Node, Port, Raw, Service, VirtualIP
from tests.control.swarm_of_one import World, published, spec
from tests.support.specs import of_service

NETS = ("n0", "n1", "n2")


def network(key: str, subnet: str, **more: Any) -> Network:
    gateway, leg = lay_out(subnet)
    return Network(key, key, {}, subnet=subnet, gateway=gateway, leg=leg, **more)


def view_with(*services: Service, node: Node | None = None) -> View:
    networks = [network(f"n{number}", f"10.0.{number + 1}.0/28") for number in range(3)]
    networks.append(network("in", "10.0.0.0/24", ingress=True))
    return View(
        clusters={"c": Cluster("c", "n", {})},
        nodes={} if node is None else {node.id: node},
        networks={one.id: one for one in networks},
        services={one.id: one for one in services},
    )


PORT = st.fixed_dictionaries(
    {
        "TargetPort": st.sampled_from([80, 443]),
        "PublishedPort": st.sampled_from([0, 0, 80, 30000, 30001]),
        "Protocol": st.sampled_from(["tcp", "udp"]),
        "PublishMode": st.sampled_from(["ingress", "host"]),
    }
)
WISH = st.tuples(
    st.sampled_from(["s0", "s1", "s2", "s3"]),
    st.one_of(st.none(), st.tuples(st.sets(st.sampled_from(NETS)), st.lists(PORT, max_size=3))),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(WISH, max_size=12))
def test_addresses_and_chosen_ports_are_never_shared(wishes: list[Any]) -> None:
    """Services come, change and go; an explicit number twice is the validation's business, not ours."""
    view = view_with()
    for key, wish in wishes:
        services = dict(view.services)
        if wish is None:
            services.pop(key, None)
        else:
            networks, ports = wish
            body = {
                "TaskTemplate": {"Networks": [{"Target": one} for one in sorted(networks)]},
                "EndpointSpec": {"Mode": "vip", "Ports": ports},
            }
            service = replace(services.get(key, Service(key, key, of_service({}))), spec=of_service(body))
            before = service.endpoint
            service = replace(service, endpoint=allocate.endpoint(view, service))
            assert kept(before.vips, service.endpoint.vips)
            services[key] = service
        view = view_with(*services.values())
        check(view)


def kept(before: tuple[VirtualIP, ...], after: tuple[VirtualIP, ...]) -> bool:
    """A VIP stays what it was on every network that the service still is on."""
    held = {vip.network_id: vip.address for vip in before}
    return all(held.get(vip.network_id, vip.address) == vip.address for vip in after)


def check(view: View) -> None:
    vips = [vip for service in view.services.values() for vip in service.endpoint.vips]
    assert len(set(vips)) == len(vips)
    for vip in vips:
        here = view.networks[vip.network_id]
        usable = {str(one) for one in IPv4Network(here.subnet).hosts()}
        assert vip.address in usable - {here.leg, here.gateway}
    chosen: list[tuple[str, int]] = []
    asked: list[tuple[str, int]] = []
    for service in view.services.values():
        for port, wanted in zip(
            service.endpoint.ports, service.spec.raw["EndpointSpec"]["Ports"], strict=True
        ):
            if wanted["PublishMode"] == "host" and not wanted["PublishedPort"]:
                assert port.published == 0  # each task has its own
                continue
            (asked if wanted["PublishedPort"] else chosen).append((port.protocol, port.published))
            assert port.published
    assert len(set(chosen)) == len(chosen)
    assert all(30000 <= number <= 32767 for _, number in chosen)


@given(st.lists(st.sampled_from(["10.0.0.0/9", "10.128.0.0/16", "10.0.0.0/24", "0.0.0.0/0", "fd00::/8"])))
def test_a_free_subnet_is_in_the_pool_and_overlaps_nothing(taken: list[str]) -> None:
    view = view_with()
    found = IPv4Network(allocate.free_subnet(view, taken))
    assert found.prefixlen == 24
    assert found.subnet_of(IPv4Network("10.0.0.0/8"))
    assert not allocate.overlap(view, str(found), taken)


def test_all_pools_full() -> None:
    view = replace_cluster(view_with(), ("10.0.0.0/24", "192.0.2.0/25"))
    with pytest.raises(Exhausted, match="non-overlapping"):
        allocate.free_subnet(view, ["192.0.2.0/24"])
    assert allocate.free_subnet(view) == "192.0.2.0/25"


def replace_cluster(view: View, pools: tuple[str, ...]) -> View:
    cluster = Cluster("c", "n", {}, address_pools=pools)
    return View(clusters={"c": cluster}, networks=view.networks, services=view.services)


def test_a_network_without_a_free_vip_says_so() -> None:
    world = World()
    world.network("small", IPAM={"Config": [{"Subnet": "10.9.0.0/29"}]})
    body: Raw = {"task": {"Networks": [{"Target": "small"}]}}
    addresses = [world.service(name, **body).endpoint.vips[0].address for name in ("a", "b", "c", "d")]
    assert addresses == ["10.9.0.5", "10.9.0.4", "10.9.0.3", "10.9.0.2"]
    with pytest.raises(Exhausted, match=r"^network small \(10\.9\.0\.0/29\) has no free virtual IP"):
        world.service("e", **body)


def test_a_large_network_costs_no_more_than_a_small_one() -> None:
    """Eight million addresses would take longer than a test may."""
    service = Service("s", "s", of_service(spec("s", task={"Networks": [{"Target": "n"}]})))
    view = View(networks={"n": network("n", "10.0.0.0/8")}, services={"s": service})
    assert allocate.endpoint(view, service).vips == (VirtualIP("n", "10.255.255.253"),)


def test_a_service_whose_virtual_ip_somebody_else_has_gets_another() -> None:
    """As may be after a restored backup."""
    body = spec("s", task={"Networks": [{"Target": "n0"}]})
    endpoint = Endpoint(vips=(VirtualIP("n0", "10.0.1.9"),))
    one, other = (Service(key, key, of_service(body), endpoint=endpoint) for key in ("one", "other"))
    assert allocate.endpoint(view_with(one), one).vips == endpoint.vips
    (vip,) = allocate.endpoint(view_with(one, other), other).vips
    assert vip.address != "10.0.1.9"


def test_a_service_that_publishes_without_a_network_is_on_ingress() -> None:
    world = World()
    ingress = next(one.id for one in world.view.networks.values() if one.ingress)
    plain, published_one = world.service("a"), world.service("b", EndpointSpec=published({"TargetPort": 80}))
    assert plain.endpoint.vips == ()
    assert [vip.network_id for vip in published_one.endpoint.vips] == [ingress]
    assert published_one.endpoint.ports == (Port(80, 30000),)


def test_a_dnsrr_service_has_a_vip_behind_which_connections_are_held() -> None:
    world = World()
    key = world.network("net")
    service = world.service(task={"Networks": [{"Target": "net"}]}, EndpointSpec={"Mode": "dnsrr"})
    assert service.endpoint.vips == (VirtualIP(key, "10.0.1.253"),)
    assert service.endpoint.spec == {"Mode": "dnsrr"}


def test_updates_keep_vips_and_chosen_ports() -> None:
    world = World()
    world.network("net")
    world.network("other")
    on = {"Networks": [{"Target": "net"}]}
    world.service("first", task=on, EndpointSpec=published({"TargetPort": 1}))
    app = world.service("app", task=on, EndpointSpec=published({"TargetPort": 80}))
    world.run(world.store.update(lambda tx: tx.delete(services_named(tx.view, "first"))))
    both = {"Networks": [{"Target": "other"}, {"Target": "net"}]}
    ports = published({"TargetPort": 81}, {"TargetPort": 80})
    again = world.update(app, spec(task=both, EndpointSpec=ports))
    assert set(app.endpoint.vips) < set(again.endpoint.vips)
    assert [port.published for port in again.endpoint.ports] == [30000, 30001]
    back = world.update(again, spec(), rollback="previous")
    assert back.endpoint == app.endpoint


def services_named(view: View, name: str) -> Service:
    return next(one for one in view.services.values() if one.name == name)


def test_a_number_that_could_not_be_reserved_is_not_chosen() -> None:
    node = Node("n", "vm", {}, ports_err={"tcp/30000": "address already in use"})
    body = {"EndpointSpec": published({"TargetPort": 80, "Protocol": "tcp"})}
    found = allocate.endpoint(view_with(node=node), Service("s", "s", of_service(body)))
    assert [port.published for port in found.ports] == [30001]
