"""Names of plain containers on our networks, and what these may ask."""

from __future__ import annotations

import pytest

from skerry.core.guests import container_of, guests
from skerry.gate.zone import Zone
from skerry.model.objects import Network, Raw
from skerry.model.traffic import Name, Segment, Traffic

NET = Network("n" * 25, "net", {}, "10.0.1.0/24", "10.0.1.1", "10.0.1.254", attachable=True)
BACK = Network("b" * 25, "back", {}, "10.0.2.0/24", "10.0.2.1", "10.0.2.254", attachable=True)
NETWORKS = {network.engine_name: network for network in (NET, BACK)}
ONE, TWO = "1" * 64, "2" * 64


def seen(key: str, name: str, networks: dict[str, Raw], **more: Raw) -> Raw:
    """A container as an engine inspects it."""
    return {
        "Id": key,
        "Name": f"/{name}",
        "State": {"Running": True, "Pid": 7},
        "Config": {"Hostname": key[:12], "Labels": {}},
        "HostConfig": {"Dns": []},
        "NetworkSettings": {"Networks": networks},
        **more,
    }


def on_net(address: str, *aliases: str, **more: object) -> dict[str, Raw]:
    return {NET.engine_name: {"IPAddress": address, "Aliases": list(aliases), **more}}


def zone(*containers: Raw, names: tuple[Name, ...] = ()) -> Zone:
    known = [found for one in containers if (found := container_of(one, NETWORKS)) is not None]
    derived = guests(known)
    segments = [
        Segment(one.id, one.bridge, one.subnet, one.gateway, one.leg, names=(one.name,))
        for one in (NET, BACK)
    ]
    return Zone.of(Traffic(segments=tuple(segments), names=(*names, *derived.names), clients=derived.clients))


def answer(found: Zone, requester: str, name: str) -> tuple[str, ...] | None:
    return found.lookup(found.asker(requester, NET.leg), name)


CACHE = seen(ONE, "Cache", on_net("10.0.1.2", "Redis", ONE[:12]))
CLIENT = seen(
    TWO,
    "client",
    on_net("10.0.1.3", Links=["Cache:store"]),
    Config={"Hostname": "laptop", "Labels": {}},
    HostConfig={"Dns": [NET.leg, "192.0.2.1"]},
)


@pytest.mark.case("N10")
@pytest.mark.parametrize(
    ("requester", "name", "addresses"),
    [
        ("10.0.1.3", "cache", ("10.0.1.2",)),
        ("10.0.1.3", "CACHE.", ("10.0.1.2",)),
        ("10.0.1.3", "cache.net", ("10.0.1.2",)),
        ("10.0.1.3", "redis", ("10.0.1.2",)),
        ("10.0.1.3", ONE[:12], ("10.0.1.2",)),
        ("10.0.1.2", "laptop", ("10.0.1.3",)),
        ("10.0.1.2", TWO[:12], ("10.0.1.3",)),
        ("10.0.1.3", "laptop", ("10.0.1.3",)),
        ("10.0.1.3", "store", ("10.0.1.2",)),
        ("10.0.1.2", "store", None),  # a link is the name of whoever has it
        ("10.0.1.9", "redis", ("10.0.1.2",)),  # a task, or who is not known yet
        ("10.0.1.3", "nobody", None),
    ],
)
def test_names_of_guests(requester: str, name: str, addresses: tuple[str, ...] | None) -> None:
    assert answer(zone(CACHE, CLIENT), requester, name) == addresses


def test_a_guest_s_own_servers_are_asked_for_the_rest() -> None:
    assert zone(CLIENT).asker("10.0.1.3").nameservers == ("192.0.2.1",)


def test_a_service_goes_before_a_guest_and_a_name_before_a_hostname() -> None:
    service = Name(NET.id, "redis", ("10.0.1.128",))
    other = seen(TWO, "other", on_net("10.0.1.3"), Config={"Hostname": "cache", "Labels": {}})
    found = zone(CACHE, other, names=(service,))
    assert answer(found, "10.0.1.9", "redis") == ("10.0.1.128",)
    assert answer(found, "10.0.1.9", "cache") == ("10.0.1.2",)


def test_an_alias_that_several_have_means_all() -> None:
    found = zone(seen(ONE, "a", on_net("10.0.1.2", "api")), seen(TWO, "b", on_net("10.0.1.3", "api")))
    assert answer(found, "10.0.1.9", "api") == ("10.0.1.2", "10.0.1.3")


def test_what_a_guest_has_on_a_network_of_the_engine_s_is_answered_too() -> None:
    """Its own compose project, say; who is not on that network does not see it."""
    plain: Raw = {"IPAddress": "172.20.0.2", "NetworkID": "f" * 64, "Aliases": ["db"]}
    project = {"project_default": plain}
    database = seen(ONE, "project-db-1", project)
    app = seen(
        TWO, "project-app-1", {"project_default": plain | {"IPAddress": "172.20.0.3"}} | on_net("10.0.1.3")
    )
    found = zone(database, app, CACHE | {"Id": "3" * 64})
    assert answer(found, "10.0.1.3", "db") == ("172.20.0.2", "172.20.0.3")
    assert answer(found, "10.0.1.3", "project-db-1") == ("172.20.0.2",)
    assert answer(found, "10.0.1.2", "project-db-1") is None
    assert guests([container_of(database, NETWORKS)]).names == ()  # type: ignore[list-item]


@pytest.mark.parametrize(
    "container",
    [
        seen(ONE, "web.1.x", on_net("10.0.1.2"), Config={"Labels": {"com.docker.swarm.task.id": "x"}}),
        seen(ONE, "stopped", on_net(""), State={"Running": False, "Pid": 0}),
    ],
    ids=["a-task", "a-stopped-container"],
)
def test_who_is_no_guest(container: Raw) -> None:
    assert container_of(container, NETWORKS) is None


def test_the_engine_s_own_bridge_has_no_names() -> None:
    plain: Raw = {"IPAddress": "172.17.0.2", "NetworkID": "f" * 64, "Aliases": None, "Links": None}
    found = container_of(seen(ONE, "c", {"bridge": plain} | on_net("10.0.1.2")), NETWORKS)
    assert found is not None
    assert [place.network for place in found.endpoints] == [NET.engine_name]


def test_names_are_looked_for_in_the_order_of_the_networks_names() -> None:
    both = on_net("10.0.1.2") | {BACK.engine_name: {"IPAddress": "10.0.2.2"}}
    found = zone(seen(ONE, "c", both))
    for requester in ("10.0.1.2", "10.0.2.2"):
        assert found.asker(requester).network_ids == (BACK.id, NET.id)
        assert answer(found, requester, "c") == ("10.0.2.2",)
