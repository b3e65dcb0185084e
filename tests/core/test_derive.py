"""The network as a value: who is in the table, behind which addresses, under which names."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skerry.core.allocate import endpoint
from skerry.core.attach import holding_network, networks_of
from skerry.core.derive import traffic
from skerry.model.labels import STACK
from skerry.model.objects import AddressPlan, Attachment, Endpoint, Network, Port, Service, VirtualIP
from tests.core.front import PORTS, swarm_on_front
from tests.core.world import RUNNING, SHUTDOWN, STARTING, Swarm, service_spec
from tests.support.specs import of_service


def test_a_ready_task_is_behind_vip_port_and_names() -> None:
    swarm = swarm_on_front()
    found = traffic(swarm.view)
    task = swarm.tasks[0]
    assert [backend.address for backend in found.services[0].backends] == ["10.0.1.2"]
    assert (found.ports[0].key, found.ports[0].target, found.ports[0].vip) == ("tcp/80", 8080, "10.0.1.128")
    assert [backend.address for backend in found.ports[0].backends] == ["10.0.1.2"]
    assert {name.name: name.addresses for name in found.names} == {
        "app": ("10.0.1.128",),
        "web": ("10.0.1.128",),
        "tasks.app": ("10.0.1.2",),
        "tasks.web": ("10.0.1.2",),
        task.name: ("10.0.1.2",),
    }


def test_a_task_that_is_not_ready_is_known_as_a_client_only() -> None:
    found = traffic(swarm_on_front(STARTING).view)
    assert found.services[0].backends == found.ports[0].backends == ()
    assert [(client.address, client.network_ids) for client in found.clients] == [("10.0.1.2", ("net",))]
    assert {name.name for name in found.names if name.addresses} == {"app", "web"}


def test_a_task_that_does_not_listen_takes_no_connection_of_a_published_port() -> None:
    swarm = swarm_on_front()
    task = swarm.tasks[0]
    swarm.put(replace(task, status=replace(task.status, unheard=True)))
    found = traffic(swarm.view)
    assert [backend.address for backend in found.services[0].backends] == ["10.0.1.2"], "for UDP"
    assert found.services[0].hearing == found.ports[0].backends == ()


def test_a_task_that_is_to_stop_leaves_at_once() -> None:
    swarm = swarm_on_front()
    swarm.put(replace(swarm.tasks[0], desired=SHUTDOWN))
    assert traffic(swarm.view).services[0].backends == ()


def test_dnsrr_names_are_the_tasks() -> None:
    swarm = swarm_on_front()
    swarm.put(
        replace(swarm.service, spec=of_service({**swarm.service.spec.raw, "EndpointSpec": {"Mode": "dnsrr"}}))
    )
    names = {name.name: name.addresses for name in traffic(swarm.view).names}
    assert names["app"] == names["tasks.app"] == ("10.0.1.2",)


def test_ports_without_a_network_go_through_ingress() -> None:
    swarm = Swarm(service_spec(replicas=1, EndpointSpec=PORTS))
    ingress = Network("ing", "ingress", {}, "10.0.0.0/24", "10.0.0.1", "10.0.0.254", ingress=True)
    swarm.put(ingress)
    swarm.settle()
    assert swarm.tasks[0].attachments == (Attachment("ing", reserved="10.0.0.2"),)


def test_a_stack_counts_as_under_deployment_for_ten_seconds() -> None:
    assert traffic(swarm_on_front().view).deploying == ()
    swarm = swarm_on_front(Labels={STACK: "shop"})
    (network_id, until) = traffic(swarm.view).deploying[0]
    assert network_id == "net"
    assert until == swarm.service.created_at / 1e9 + 10


def test_the_youngest_service_of_a_stack_says_until_when() -> None:
    swarm = swarm_on_front(Labels={STACK: "shop"})
    older = swarm.service.created_at
    vips = (VirtualIP("net", "10.0.1.129"),)
    other = replace(swarm.service, id="later", name="later", endpoint=Endpoint(vips=vips))
    for born in (older + 5_000_000_000, older - 5_000_000_000):
        view = swarm.view.put(replace(other, created_at=born))
        assert traffic(view).deploying == (("net", max(older, born) / 1e9 + 10),)


def test_equal_views_give_equal_values() -> None:
    swarm = swarm_on_front()
    assert traffic(swarm.view) == traffic(swarm.view)


def net(key: str, **more: Any) -> Network:
    subnet = {"in": "10.0.7.0/24", "ing": "10.0.0.0/24", "out": "10.0.8.0/24"}[key]
    return Network(key, key, {}, subnet, subnet[:-4] + "1", subnet[:-4] + "254", **more)


def attached(swarm: Swarm, *targets: str, **more: Any) -> Service:
    template = {"ContainerSpec": {"Image": "app:1"}, "Networks": [{"Target": key} for key in targets]}
    swarm.put(replace(swarm.service, spec=of_service(service_spec(template=template, **more))))
    return swarm.service


def test_ports_of_tasks_on_internal_networks_go_through_ingress_too() -> None:
    swarm = Swarm()
    swarm.put(net("in", internal=True))
    swarm.put(net("ing", ingress=True))
    service = attached(swarm, "in", EndpointSpec=PORTS)
    assert [one.id for one in networks_of(swarm.view, service)] == ["ing", "in"]
    swarm.put(replace(swarm.view.networks["ing"], removed=True))
    assert [one.id for one in networks_of(swarm.view, service)] == ["in"]


def test_published_ports_come_in_where_answers_go_out() -> None:
    swarm = Swarm()
    swarm.put(net("in", internal=True))
    swarm.put(net("out"))
    vips = (VirtualIP("in", "10.0.7.128"), VirtualIP("out", "10.0.8.128"))
    service = replace(attached(swarm, "in", "out", EndpointSpec=PORTS), endpoint=Endpoint(PORTS, vips=vips))
    found = holding_network(swarm.view, service)
    assert found is not None
    assert found.id == "out"


INGRESS_PORT = {"Ports": [{"TargetPort": 8080, "PublishedPort": 80, "PublishMode": "ingress"}]}


def on_ingress(*places: Attachment) -> Swarm:
    """A service on `out` with a port of ingress mode, its ready task at these places."""
    swarm = Swarm()
    swarm.put(net("out"))
    swarm.put(net("ing", ingress=True))
    service = attached(swarm, "out", replicas=1, EndpointSpec=INGRESS_PORT)
    vips = (VirtualIP("ing", "10.0.0.128"), VirtualIP("out", "10.0.8.128"))
    ports = (Port(8080, 80),)
    swarm.put(replace(service, endpoint=Endpoint(INGRESS_PORT, ports, vips)))
    swarm.put(replace(swarm.view.nodes["n"], reserved=("tcp/80",)))
    swarm.settle()
    task = swarm.tasks[0]
    assert [one.network_id for one in task.attachments] == ["ing", "out"]
    swarm.put(replace(task, attachments=places))
    swarm.observe(task, RUNNING)
    return swarm


@pytest.mark.case("N19")
@pytest.mark.parametrize(
    ("places", "address"),
    [
        ((Attachment("ing", "10.0.0.2"), Attachment("out", "10.0.8.2")), "10.0.0.2"),
        ((Attachment("out", "10.0.8.2"),), "10.0.8.2"),  # a task from before services were on ingress
        ((Attachment("ing", ""), Attachment("out", "10.0.8.2")), "10.0.8.2"),
    ],
)
def test_a_published_port_leads_to_each_task_by_its_own_way_out(
    places: tuple[Attachment, ...], address: str
) -> None:
    (port,) = traffic(on_ingress(*places).view).ports
    assert [(backend.address, backend.masked) for backend in port.backends] == [(address, False)]
    assert port.vip == "10.0.0.128"


@pytest.mark.case("N19")
def test_a_service_from_before_services_were_on_ingress_holds_on_its_own_network() -> None:
    swarm = on_ingress(Attachment("out", "10.0.8.2"))
    before = replace(swarm.service.endpoint, vips=(VirtualIP("out", "10.0.8.128"),))
    swarm.put(replace(swarm.service, endpoint=before))
    (port,) = traffic(swarm.view).ports
    assert (port.vip, [backend.address for backend in port.backends]) == ("10.0.8.128", ["10.0.8.2"])


@pytest.mark.case("N15")
def test_a_task_that_is_on_the_engines_bridge_too_sees_clients_from_the_gateway() -> None:
    swarm = on_ingress(Attachment("ing", "10.0.0.2"), Attachment("bridge", "172.17.0.2"))
    swarm.put(Network("bridge", "bridge", {"Driver": "bridge"}))
    (port,) = traffic(swarm.view).ports
    assert [(backend.address, backend.masked) for backend in port.backends] == [("10.0.0.2", True)]


def test_a_network_that_goes_gives_no_virtual_ip() -> None:
    swarm = Swarm()
    swarm.put(replace(net("out"), removed=True))
    assert endpoint(swarm.view, attached(swarm, "out")).vips == ()


def test_a_task_that_the_agent_is_about_to_stop_is_out_at_once() -> None:
    swarm = swarm_on_front()
    ready = traffic(swarm.view).services[0].backends
    assert traffic(swarm.view, frozenset({ready[0].task_id, "unknown"})).services[0].backends == ready[1:]


SIX = AddressPlan("fd00:8::/64", gateway="fd00:8::1", leg="fd00:8::ffff")


def dual() -> Swarm:
    """A service on `out`, which has IPv6, and on `ing`, which has none and comes first by its name."""
    swarm = on_ingress(
        Attachment("ing", "10.0.0.2"),
        Attachment("out", "10.0.8.2", six="fd00:8::2", reserved_six="fd00:8::2"),
    )
    swarm.put(replace(swarm.view.networks["out"], six=SIX))
    swarm.put(replace(swarm.service, endpoint=endpoint(swarm.view, swarm.service)))
    return swarm


@pytest.mark.case("N13")
def test_a_service_has_a_virtual_ip_of_each_family_and_keeps_both() -> None:
    swarm = dual()
    vips = [(vip.network_id, vip.address) for vip in swarm.service.endpoint.vips]
    assert vips == [("ing", "10.0.0.128"), ("out", "10.0.8.128"), ("out", "fd00:8::fffe")]
    assert endpoint(swarm.view, swarm.service) == swarm.service.endpoint


@pytest.mark.case("N13")
def test_with_ipv6_a_port_leads_by_the_network_that_has_it_whatever_its_name() -> None:
    ports = traffic(dual().view).ports
    assert [(port.key, port.vip, [one.address for one in port.backends]) for port in ports] == [
        ("tcp/80", "10.0.0.128", ["10.0.8.2"]),
        ("tcp/80", "fd00:8::fffe", ["fd00:8::2"]),
    ]


@pytest.mark.case("N13")
def test_names_and_who_asks_have_both_families() -> None:
    swarm = dual()
    found = traffic(swarm.view)
    names = {name.name: name.addresses for name in found.names if name.network_id == "out"}
    assert names["app"] == ("10.0.8.128", "fd00:8::fffe")
    assert names["tasks.app"] == names[swarm.tasks[0].name] == ("10.0.8.2", "fd00:8::2")
    asking = {client.address: (client.addresses, client.sixes) for client in found.clients}
    assert asking["fd00:8::2"] == asking["10.0.8.2"] == (("10.0.8.2",), ("fd00:8::2",))
    services = {service.vip: [one.address for one in service.backends] for service in found.services}
    assert services["fd00:8::fffe"] == ["fd00:8::2"]


@pytest.mark.case("N13")
def test_the_addresses_of_a_task_that_leaves_are_remembered_in_both_families() -> None:
    swarm = dual()
    swarm.put(replace(swarm.tasks[0], desired=SHUTDOWN))
    formers = {
        service.vip: [former.address for former in service.former] for service in traffic(swarm.view).services
    }
    assert formers["10.0.8.128"] == ["10.0.8.2"]
    assert formers["fd00:8::fffe"] == ["fd00:8::2"]
