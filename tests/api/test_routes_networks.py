"""Networks over the front door: the engine's and ours as one list, and containers that join."""

from __future__ import annotations

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
        ambiguous = await door.ask("GET", "/networks/id000")
        assert ambiguous.status == 400
        assert "ambiguous (2 matches found based on ID prefix)" in ambiguous.json["message"]
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


def test_pruning_spares_our_bridges() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        await networks.create(door.store, {"Name": "net", "Driver": "overlay"})
        told = await door.ask("POST", "/networks/prune")
        assert told.json == {"NetworksDeleted": ["local", "net"]}
        asked = next(head for head in door.engine.heads if head.startswith("POST"))
        assert "label%21" in asked
        assert "skerry.network" in asked

    check(test, {"POST /networks/prune": {"NetworksDeleted": ["local"]}})


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
        assert f'"EndpointsConfig":{{"{network.engine_name}":{{"Aliases":["x"]}}}}'.encode() in sent
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
            "POST /networks/skerry.id00000000000000000000005/connect": (200, b""),
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
