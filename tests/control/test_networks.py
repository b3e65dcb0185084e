"""Overlay networks: what may be created, which addresses they get, and who keeps them from being removed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skerry.control import networks, services, swarm
from skerry.model.objects import Attachment, Raw
from skerry.model.states import TaskState
from tests.control.swarm_of_one import World, create_service, invalid, published


def test_networks_take_the_next_free_subnet() -> None:
    world = World()
    first, second = world.network("a"), world.network("b", Internal=True, Attachable=True)
    found = networks.find(world.view, "b")
    assert [world.view.networks[key].subnet for key in (first, second)] == ["10.0.1.0/24", "10.0.2.0/24"]
    assert (found.gateway, found.leg) == ("10.0.2.1", "10.0.2.254")
    assert (found.internal, found.attachable, found.ingress) == (True, True, False)


def test_what_the_machine_reaches_otherwise_is_not_given_away() -> None:
    world = World()
    routes = ["10.0.0.0/14", "10.4.0.0/24", "fd00::/64", "0.0.0.0/0", "172.17.0.0/16"]
    key = world.run(networks.create(world.store, {"Name": "a", "Driver": "overlay"}, taken=routes))
    assert world.view.networks[key].subnet == "10.4.1.0/24"


def ipam(subnet: str, **more: object) -> Raw:
    return {"IPAM": {"Config": [{"Subnet": subnet, **more}]}}


def no_subnet(text: str) -> str:
    return f"Invalid subnet {text} : invalid CIDR address: {text}"


def test_a_subnet_of_the_users_own_is_honoured() -> None:
    world = World()
    key = world.network("a", **ipam("10.77.0.5/16", Gateway="10.77.0.9"))
    found = world.view.networks[key]
    assert (found.subnet, found.gateway, found.leg) == ("10.77.0.0/16", "10.77.0.9", "10.77.255.254")
    small = world.network("b", **ipam("10.78.0.0/29"))
    assert world.view.networks[small].subnet == "10.78.0.0/29"


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"Name": ""}, 400, "invalid name: "),
        ({"Name": "bad name"}, 400, invalid("name must be valid as a DNS name component")),
        ({"Name": "host"}, 409, "network with name host already exists"),
        ({"Name": "none"}, 403, "operation is not permitted on predefined none network "),
        ({"Name": "ingress"}, 409, "network with name ingress already exists"),
        ({"Name": "net"}, 409, "network with name net already exists"),
        ({"Name": "NET"}, 500, "rpc error: code = Unknown desc = name conflicts with an existing object"),
        ({"Scope": "local"}, 403, "cannot downgrade network scope for overlay networks"),
        ({"Ingress": True, "Attachable": True}, 400, invalid("ingress network cannot be attachable")),
        (
            {"Labels": {"com.docker.swarm.predefined": "true"}},
            403,
            "rpc error: code = PermissionDenied desc = label com.docker.swarm.predefined is for internally "
            "created predefined networks and cannot be applied by users",
        ),
        ({"IPAM": {"Driver": "nope"}}, 400, invalid("error during lookup of plugin nope")),
        (ipam("zz"), 500, no_subnet("zz")),
        (
            ipam("10.9.0.0"),
            500,
            no_subnet("10.9.0.0"),
        ),
        (
            {"IPAM": {"Config": [{"Gateway": "10.1.1.1"}]}},
            500,
            no_subnet(""),
        ),
        (
            ipam("10.9.0.0/24", Gateway="10.8.1.1"),
            400,
            invalid("ipam configuration: subnet 10.9.0.0/24 does not contain gateway 10.8.1.1"),
        ),
        (
            ipam("10.9.0.5/24", IPRange="10.8.0.0/25"),
            400,
            invalid("ipam configuration: subnet 10.9.0.5/24 does not contain range 10.8.0.0/25"),
        ),
        (ipam("10.9.0.0/24", Gateway="zz"), 400, invalid("ipam configuration: invalid gateway zz")),
        (
            ipam("10.0.0.0/16"),
            400,
            invalid("ipam configuration: subnet 10.0.0.0/16 overlaps with network ingress (10.0.0.0/24)"),
        ),
        (
            ipam("10.9.0.0/24", Gateway="10.9.0.255"),
            400,
            "invalid gateway: 10.9.0.255 is the broadcast address",
        ),
        (
            ipam("10.9.0.0/24", Gateway="10.9.0.0"),
            400,
            "invalid gateway: 10.9.0.0 is the network's own address",
        ),
        (
            ipam("127.9.0.0/24"),
            400,
            "invalid subnet 127.9.0.0/24: no host can have a loopback or multicast address",
        ),
        (
            ipam("224.0.0.0/24"),
            400,
            "invalid subnet 224.0.0.0/24: no host can have a loopback or multicast address",
        ),
        (
            ipam("10.9.0.0/24", IPRange="10.9.0.0/23"),
            400,
            "invalid ip-range 10.9.0.0/23: CIDR block is bigger than its parent subnet 10.9.0.0/24",
        ),
        (
            ipam("10.9.0.0/24", IPRange="10.9.0.0"),
            400,
            invalid("ipam configuration: invalid range 10.9.0.0"),
        ),
        (
            ipam("10.9.0.0/24", AuxiliaryAddresses={"router": "zz"}),
            400,
            "invalid auxiliary address router: invalid address",
        ),
        (
            ipam("10.9.0.0/24", AuxiliaryAddresses={"router": "10.8.0.1"}),
            400,
            "invalid auxiliary address router: parent subnet 10.9.0.0/24 doesn't contain this address",
        ),
        (
            ipam("10.9.0.0/24", Gateway="10.9.0.3", AuxiliaryAddresses={"router": "10.9.0.3"}),
            400,
            "invalid auxiliary address router: 10.9.0.3 is the gateway",
        ),
        (
            {"IPAM": {"Config": [{"Subnet": "10.9.0.0/24"}, {"Subnet": "10.9.1.0/24"}]}},
            400,
            "several IPv4 subnets in one network (10.9.0.0/24, 10.9.1.0/24) are not supported: the bridge of "
            "a single machine has one; ask for one subnet with a shorter prefix",
        ),
        (
            ipam("10.9.0.0/29", AuxiliaryAddresses={f"a{one}": f"10.9.0.{one}" for one in range(1, 7)}),
            400,
            "subnet 10.9.0.0/29 has no address left for the gateway and the network's resolver",
        ),
        (
            ipam("10.9.0.0/30"),
            400,
            "subnet 10.9.0.0/30 is too small: an overlay network needs a /29 or larger",
        ),
    ],
)
def test_bad_networks(body: Raw, status: int, text: str) -> None:
    world = World()
    world.network("net")
    sent = {"Name": "new", "Driver": "overlay", **body}
    world.refuses(lambda store: networks.create(store, sent), status, text)


@pytest.mark.case("N14")
@pytest.mark.parametrize(
    ("config", "faults"),
    [
        ({}, ["invalid subnet : invalid CIDR block notation"]),
        ({"Subnet": "10.9.0.0"}, ["invalid subnet 10.9.0.0: invalid CIDR block notation"]),
        ({"Subnet": "10.9.0.5/24"}, ["invalid subnet 10.9.0.5/24: it should be 10.9.0.0/24"]),
        (
            {"Subnet": "10.9.0.0/24", "IPRange": "10.9.0.9"},
            ["invalid ip-range 10.9.0.9: invalid CIDR block notation"],
        ),
        (
            {"Subnet": "10.9.0.0/24", "IPRange": "10.8.0.0/25", "Gateway": "zz"},
            [
                "invalid ip-range 10.8.0.0/25: parent subnet 10.9.0.0/24 doesn't contain ip-range",
                "invalid gateway zz: invalid address",
            ],
        ),
        (
            {"Subnet": "10.9.0.0/24", "IPRange": "10.9.0.9/25"},
            ["invalid ip-range 10.9.0.9/25: it should be 10.9.0.0/25"],
        ),
        (
            {"Subnet": "10.9.0.0/24", "IPRange": "10.9.0.0/23"},
            ["invalid ip-range 10.9.0.0/23: CIDR block is bigger than its parent subnet 10.9.0.0/24"],
        ),
        (
            {"Subnet": "10.9.0.0/24", "Gateway": "fd00::1"},
            ["invalid gateway fd00::1: parent subnet is an IPv4 block"],
        ),
        (
            {"Subnet": "10.9.0.0/24", "AuxiliaryAddresses": {"b": "zz", "a": "10.8.0.1"}},
            [
                "invalid auxiliary address a: parent subnet 10.9.0.0/24 doesn't contain this address",
                "invalid auxiliary address b: invalid address",
            ],
        ),
    ],
)
def test_newer_engines_tell_all_that_is_wrong_with_addresses(config: Raw, faults: list[str]) -> None:
    body = {"Name": "new", "Driver": "overlay", "IPAM": {"Config": [config]}}
    text = "\n".join(["invalid network config:", *faults])
    World().refuses(lambda store: networks.create(store, body, strict=True), 400, text)


def test_a_second_ingress_network_is_refused() -> None:
    world = World()
    present = networks.find(world.view, "ingress")
    body = {"Name": "new", "Driver": "overlay", "Ingress": True}
    text = f"rpc error: code = AlreadyExists desc = ingress network ({present.id}) is already present"
    world.refuses(lambda store: networks.create(store, body), 409, text)


def test_a_subnet_that_a_route_covers_is_refused() -> None:
    body = {"Name": "a", "Driver": "overlay", **ipam("10.9.0.0/24")}
    World().refuses(
        lambda store: networks.create(store, body, taken=["10.9.0.0/16"]),
        400,
        invalid(
            "ipam configuration: subnet 10.9.0.0/24 overlaps with 10.9.0.0/16, which this machine reaches "
            "otherwise"
        ),
    )


def test_a_network_in_use_stays() -> None:
    world = World()
    key = world.network("net")
    service = world.service(task={"Networks": [{"Target": "net"}]})
    text = f"rpc error: code = FailedPrecondition desc = network {key} is in use by"
    world.refuses(lambda store: networks.remove(store, "net"), 400, f"{text} service {service.id}")
    task = world.task(service, attachments=(Attachment(key),))
    world.run(world.store.update(lambda tx: tx.delete(service)))
    world.refuses(lambda store: networks.remove(store, "net"), 400, f"{text} task {task.id}")
    failed = replace(task.status, state=TaskState.FAILED)
    world.run(world.store.update(lambda tx: tx.put(replace(task, status=failed))))
    world.run(networks.remove(world.store, "net"))
    world.refuses(lambda store: networks.remove(store, "net"), 404, "network net not found")


def test_a_removed_networks_name_is_free_and_its_subnet_not_yet() -> None:
    world = World()
    first = world.network("net")
    world.run(networks.remove(world.store, first))
    second = world.network("net")
    assert world.view.networks[second].subnet == "10.0.2.0/24"
    world.refuses(lambda store: networks.remove(store, first), 404, f"network {first} not found")
    world.run(world.store.update(lambda tx: tx.delete(tx.view.networks[first])))
    third = world.network("other")
    assert world.view.networks[third].subnet == "10.0.1.0/24"


def test_a_chosen_subnet_may_be_asked_for_again_while_the_old_bridge_stands() -> None:
    world = World()
    body = {"Name": "net", "Driver": "overlay", **ipam("10.9.0.0/24")}
    for routes in ([], ["10.9.0.0/24"]):
        key = world.run(networks.create(world.store, body, taken=routes))
        assert world.view.networks[key].subnet == "10.9.0.0/24"
        world.run(networks.remove(world.store, key))


def test_the_engines_host_network_has_a_row_where_a_service_asks_for_it() -> None:
    world = World()
    task: Raw = {"Networks": [{"Target": "host"}]}
    first, second = world.service("a", task=task), world.service("b", task=task)
    (key,) = [one["Target"] for one in first.spec.raw["TaskTemplate"]["Networks"]]
    assert second.spec.raw["TaskTemplate"]["Networks"] == [{"Target": key}]
    row = world.view.networks[key]
    assert (row.name, row.spec["Driver"], row.leg) == ("host", "host", "")
    assert first.endpoint.vips == ()
    text = f"network {key} (host) is a swarm predefined network and cannot be removed"
    world.refuses(
        lambda store: networks.remove(store, "host"),
        400,
        f"rpc error: code = FailedPrecondition desc = {text}",
    )
    world.run(swarm.leave(world.store, True))
    assert key not in world.view.networks


def test_the_ingress_network_goes_only_when_nothing_is_published_and_is_missed_then() -> None:
    world = World()
    body: Raw = {"EndpointSpec": published({"TargetPort": 80})}
    service = world.service(**body)
    text = (
        "rpc error: code = FailedPrecondition desc = ingress network cannot be removed because service "
        f"{service.id} depends on it"
    )
    world.refuses(lambda store: networks.remove(store, "ingress"), 400, text)
    world.run(services.remove(world.store, service.id))
    world.run(networks.remove(world.store, "ingress"))
    text = (
        "rpc error: code = FailedPrecondition desc = service needs ingress network, but no ingress network "
        "is present"
    )
    other = {"Name": "b", "TaskTemplate": {"ContainerSpec": {"Image": "a"}}, **body}
    world.refuses(lambda store: create_service(store, other), 400, text)
    world.network("again", Ingress=True)
    world.service(**body)
