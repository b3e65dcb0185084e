"""Networks over the front door: the engine's and ours as one list, and containers that join."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from skerry.control import networks
from skerry.model.objects import Raw
from tests.api.door import Door, check, swarmed

BRIDGE: Raw = {
    "Name": "bridge",
    "Id": "b" * 64,
    "Labels": {},
    "IPAM": {"Config": [{"Subnet": "10.0.1.0/24"}]},
}


def test_networks_are_one_list() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        key = await networks.create(door.store, {"Name": "net", "Driver": "overlay"})
        hidden = {"Name": f"skerry.{key}", "Id": "f" * 64, "Labels": {"skerry.network": key}}
        door.engine.answers["GET /networks"] = [BRIDGE, hidden]
        door.engine.answers[f"GET /networks/skerry.{key}"] = {**hidden, "Containers": {}}
        told = await door.ask("GET", "/networks")
        assert sorted(entry["Name"] for entry in told.json) == ["bridge", "ingress", "net"]
        assert (await door.ask("GET", "/networks/net")).json["Id"] == key
        for method, words in (
            ("GET", "2 matches found based on ID prefix: network id000 is ambiguous"),
            ("DELETE", "network id000 is ambiguous (2 matches found based on ID prefix)"),
        ):
            ambiguous = await door.ask(method, "/networks/id000")
            assert (ambiguous.status, ambiguous.json["message"]) == (400, words)
        assert (await door.ask("GET", f"/networks/skerry.{key}")).status == 404
        assert (await door.ask("POST", "/networks/create", {"Name": "net"})).json == {
            "message": "network with name net already exists"
        }
        for name in ("bridge", "net"):
            taken = await door.ask("POST", "/networks/create", {"Name": name, "Driver": "overlay"})
            assert taken.status == 409, name
        assert (await door.ask("DELETE", f"/networks/skerry.{key}")).status == 404
        gone = await door.ask("DELETE", "/networks/net")
        assert (gone.status, gone.body) == (204, b"")
        assert (await door.ask("GET", "/networks/net")).status == 404

    check(test)


def test_a_new_network_keeps_out_of_the_engines_subnets() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        told = await door.ask("POST", "/networks/create", {"Name": "net", "Driver": "overlay"})
        assert (told.status, told.json["Warning"]) == (201, "")
        assert door.store.view.networks[told.json["Id"]].subnet != "10.0.1.0/24"

    check(test, {"GET /networks": [BRIDGE]})


LOCAL: Raw = {
    "Name": "local",
    "Id": "c" * 64,
    "Labels": {"a": "b"},
    "Created": "2026-11-27T08:00:00Z",
    "IPAM": {"Config": [{"Subnet": "10.0.9.0/24"}]},
}


@pytest.mark.case("F15")
@pytest.mark.parametrize(
    ("asked", "gone"),
    [
        ({}, ["net", "local"]),
        ({"label!": ["a"]}, ["net"]),
        ({"label!": ["x"]}, ["net", "local"]),
        ({"label!": ["a", "x"]}, ["net", "local"]),
        ({"label!": []}, []),
        ({"label": ["a=b"]}, ["local"]),
        ({"label": ["a=b"], "label!": ["a"]}, []),
        ({"until": ["2026-11-27T08:00:00.5Z"]}, ["net", "local"]),
        ({"until": ["2026-11-27T07:59:59Z"]}, ["net"]),
        ({"until": ["10.5"]}, []),
    ],
)
def test_pruning_spares_our_bridges_whatever_is_asked(asked: Raw, gone: list[str]) -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        key = await networks.create(door.store, {"Name": "net", "Driver": "overlay"})
        hidden = {**LOCAL, "Name": f"skerry.{key}", "Id": "f" * 64, "Labels": {"skerry.network": key}}
        bridge = {**LOCAL, "Name": "bridge", "Id": "b" * 64}
        door.engine.answers["GET /networks"] = [LOCAL, hidden, bridge]
        told = await door.ask("POST", f"/networks/prune?{urlencode({'filters': json.dumps(asked)})}")
        assert told.json == {"NetworksDeleted": gone or None}
        deleted = [head.split()[1] for head in door.engine.heads if head.startswith("DELETE")]
        assert deleted == ["/networks/" + "c" * 64] * ("local" in gone)

    answers: dict[str, object] = {"POST /networks/prune": {"NetworksDeleted": None}}
    check(test, {**answers, "DELETE /networks/" + "c" * 64: (204, b"")})


def test_a_container_joins_an_attachable_overlay() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        key = await networks.create(door.store, {"Name": "net", "Driver": "overlay", "Attachable": True})
        await networks.create(door.store, {"Name": "closed", "Driver": "overlay"})
        body = {
            "Image": "a",
            "HostConfig": {"NetworkMode": "net"},
            "NetworkingConfig": {"EndpointsConfig": {"net": {"Aliases": ["x"], "NetworkID": key}}},
        }
        assert (await door.ask("POST", "/containers/create?name=c", body)).status == 201
        sent = door.engine.bodies[-1]
        network = door.store.view.networks[key]
        assert f'"NetworkMode":"{network.engine_name}"'.encode() in sent
        settings = '{"Aliases":["x"],"IPAMConfig":{"IPv4Address":"10.0.1.2"}}'
        assert f'"EndpointsConfig":{{"{network.engine_name}":{settings}}}'.encode() in sent
        (lease,) = door.store.view.leases.values()
        assert (lease.container_id, lease.address, lease.held) == ("c1", "10.0.1.2", False)
        assert f'"Dns":["{network.leg}"]'.encode() in sent
        assert door.allocated == ["net"]
        made = await door.ask("POST", "/containers/create", {"HostConfig": {"NetworkMode": "closed"}})
        assert made.status == 201  # it is the start that is refused
        assert door.allocated == ["net"]
        told = await door.ask("POST", "/networks/net/connect", {"Container": "c"})
        assert told.status == 200
        plain = {"Image": "a"}
        assert (await door.ask("POST", "/containers/create", plain)).status == 201
        assert door.engine.bodies[-1] == b'{"Image":"a"}'

    check(
        test,
        {
            "POST /containers/create": (201, {"Id": "c1", "Warnings": []}),
            "POST /networks/skerry.id00000000000000000000006/connect": (200, b""),
        },
    )


def test_a_container_is_not_started_on_a_closed_network() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        await networks.create(door.store, {"Name": "closed", "Driver": "overlay"})
        closed = next(one for one in door.store.view.networks.values() if one.name == "closed")
        container["HostConfig"]["NetworkMode"] = closed.engine_name
        told = await door.ask("POST", "/containers/c1/start")
        assert told.status == 500
        assert told.json["message"] == (
            "Could not attach to network closed: rpc error: code = PermissionDenied desc = network closed "
            "not manually attachable"
        )
        assert not any(head.startswith("DELETE") for head in door.engine.heads)
        container["HostConfig"]["AutoRemove"] = True
        assert (await door.ask("POST", "/containers/c1/start")).status == 500
        assert door.engine.heads[-1].startswith("DELETE /containers/c1?v=1&force=1")
        container["HostConfig"]["NetworkMode"] = "bridge"
        assert (await door.ask("POST", "/containers/c1/start")).status == 204

    container: Raw = {"Id": "c1", "Config": {"Labels": {}}, "HostConfig": {}}
    check(test, {"GET /containers/c1/json": container, "POST /containers/c1/start": (204, b"")})
