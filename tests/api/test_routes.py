"""The routes behind the front door, over a fake engine and a store in memory."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from skerry.control import configs, networks, secrets, services, swarm
from skerry.model.objects import Raw, Service, Task, TaskStatus
from skerry.model.states import TaskState
from tests.api.door import Door, check
from tests.control.swarm_of_one import INIT, spec

BRIDGE: Raw = {
    "Name": "bridge",
    "Id": "b" * 64,
    "Labels": {},
    "IPAM": {"Config": [{"Subnet": "10.0.1.0/24"}]},
}


async def swarmed(door: Door) -> None:
    """Make a swarm."""
    await swarm.init(door.store, INIT, "vm", {"Hostname": "vm"})


async def running(door: Door, name: str = "app", **more: Any) -> tuple[Service, Task]:
    """A service with one running task, as the loops would have made it."""
    key, _ = await services.create(door.store, spec(name, **more))
    service = door.store.view.services[key]
    task = Task(
        f"{name}task",
        service.id,
        service.name,
        "node",
        service.spec["TaskTemplate"],
        service.spec.get("EndpointSpec"),
        service.spec_version,
        TaskState.RUNNING,
        TaskStatus(TaskState.RUNNING, 0, "started", container_id="c1"),
        slot=1,
        labels=service.spec["Labels"],
    )
    return service, await door.store.update(lambda tx: tx.put(task))


@pytest.mark.parametrize(
    ("target", "status", "message"),
    [
        ("/v1.99/services", 400, "client version 1.99 is too new. Maximum supported API version is 1.41"),
        (
            "/v1.11/services",
            400,
            "client version 1.11 is too old. Minimum supported API version is 1.24, "
            "please upgrade your client to a newer version",
        ),
        ("/services?filters=zz", 400, "invalid character 'z' looking for beginning of value"),
        ("/services?filters=%7B%22foo%22:%5B%22x%22%5D%7D", 400, "Invalid filter 'foo'"),
        (
            "/services?status=zz",
            400,
            'invalid value for status: zz: strconv.ParseBool: parsing "zz": invalid syntax',
        ),
        ("/services/nope", 404, "service nope not found"),
        ("/tasks/nope", 404, "task nope not found"),
        ("/nodes/self", 404, "node self not found"),
        ("/configs/nope", 404, "config nope not found"),
        ("/secrets/nope", 404, "secret nope not found"),
        ("/networks/nope", 404, "network nope not found"),
        ("/networks/nope?scope=swarm", 404, "network nope not found"),
        ("/tasks?filters=%7B%22service%22:%5B%22zz%22%5D%7D", 404, "service zz not found"),
        ("/tasks?filters=%7B%22node%22:%5B%22zz%22%5D%7D", 404, "node zz not found"),
        (
            "/tasks?filters=%7B%22desired-state%22:%5B%22zz%22%5D%7D",
            500,
            "Invalid desired-state filter: 'zz'",
        ),
        ("/nodes?filters=%7B%22role%22:%5B%22zz%22%5D%7D", 500, "Invalid role filter: 'zz'"),
        ("/services/nope/logs?stdout=1", 404, "service nope not found"),
        ("/services/nope/logs", 500, "Bad parameters: you must choose at least one stream"),
    ],
)
def test_refusals(target: str, status: int, message: str) -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        told = await door.ask("GET", target)
        assert (told.status, told.json) == (status, {"message": message})

    check(test)


def test_outside_a_swarm_every_list_is_refused() -> None:
    async def test(door: Door) -> None:
        for path in (
            "/services",
            "/tasks",
            "/nodes",
            "/configs",
            "/secrets",
            "/swarm",
            "/services/x/logs?stdout=1",
        ):
            told = await door.ask("GET", path)
            assert told.status == 503, path
            assert told.json["message"].startswith("This node is not a swarm manager."), path

    check(test)


def test_a_life_of_a_service() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        told = await door.ask(
            "POST", "/v1.41/services/create", {"name": "app", **spec(Mode={"replicated": {"Replicas": 2}})}
        )
        assert (told.status, list(told.json)) == (201, ["ID"])
        key = told.json["ID"]
        found = (await door.ask("GET", "/services/app")).json
        assert found["Spec"]["Mode"] == {"Replicated": {"Replicas": 2}}
        again = await door.ask("POST", "/services/create", spec())
        assert again.status == 409
        version = found["Version"]["Index"]
        stale = await door.ask("POST", f"/services/{key}/update?version={version - 1}", found["Spec"])
        text = "rpc error: code = Unknown desc = update out of sequence"
        assert (stale.status, stale.json["message"]) == (500, text)
        updated = await door.ask("POST", f"/services/{key}/update?version={version}", found["Spec"])
        assert (updated.status, updated.json) == (200, {"Warnings": None})
        gone = await door.ask("DELETE", "/services/app")
        assert (gone.status, gone.body) == (200, b"")
        assert (await door.ask("GET", "/services")).json == []

    check(test)


def test_lists_and_their_filters() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        await running(door, "app", Labels={"a": "b"})
        await running(door, "app2", Mode={"Global": {}})
        for query, names in [
            ("", {"app", "app2"}),
            ('{"name":["app"]}', {"app", "app2"}),
            ('{"label":{"a=b":true}}', {"app"}),
            ('{"mode":["global"]}', {"app2"}),
            ('{"mode":["global"],"name":["app2"]}', {"app2"}),
            ('{"runtime":["plugin"]}', set()),
        ]:
            told = await door.ask("GET", f"/services?filters={quote(query)}")
            assert {entry["Spec"]["Name"] for entry in told.json} == names, query
        counted = (await door.ask("GET", "/services?status=true")).json
        assert all(entry["ServiceStatus"]["RunningTasks"] == 1 for entry in counted)
        older = (await door.ask("GET", "/v1.40/services?status=true")).json
        assert all("ServiceStatus" not in entry for entry in older)
        for query, names in [
            ('{"service":["app2"]}', {"app2task"}),
            ('{"label":["a"]}', {"apptask"}),
            ('{"name":["app.1"]}', {"apptask"}),
            ('{"desired-state":["shutdown"]}', set()),
            ('{"_up-to-date":{"true":true},"service":["app"]}', {"apptask"}),
        ]:
            told = await door.ask("GET", f"/tasks?filters={quote(query)}")
            assert {entry["ID"] for entry in told.json} == names, query

    check(test)


def test_configs_and_secrets() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        for kind in ("configs", "secrets"):
            made = await door.ask(
                "POST", f"/{kind}/create", {"Name": "a", "Data": "YQ==", "Labels": {"x": "y"}}
            )
            assert made.status == 201
            found = (await door.ask("GET", f"/{kind}/a")).json
            assert found["Spec"].get("Data") == ("YQ==" if kind == "configs" else None)
            version = found["Version"]["Index"]
            body = {"Name": "a", "Labels": {"x": "z"}}
            told = await door.ask("POST", f"/{kind}/a/update?version={version}", body)
            assert (told.status, told.body) == (200, b"")
            listed = await door.ask("GET", f"/{kind}?filters=%7B%22label%22:%5B%22x=z%22%5D%7D")
            assert [entry["ID"] for entry in listed.json] == [found["ID"]]
            gone = await door.ask("DELETE", f"/{kind}/a")
            assert (gone.status, gone.body) == (204, b"")

    check(test)


def test_the_swarm_itself() -> None:
    info = {"Name": "vm", "Architecture": "x86_64", "OSType": "linux", "NCPU": 2, "MemTotal": 1000}
    info |= {"ServerVersion": "20.10.24", "Plugins": {"Network": ["bridge"], "Log": ["json-file"]}}

    async def test(door: Door) -> None:
        told = await door.ask("GET", "/info")
        assert told.json["Swarm"]["LocalNodeState"] == "inactive"
        made = await door.ask("POST", "/swarm/init", INIT)
        assert made.status == 200
        told = await door.ask("GET", "/info")
        assert told.json["Swarm"]["NodeID"] == made.json
        assert told.json["Plugins"]["Network"] == ["bridge", "overlay"]
        found = (await door.ask("GET", "/swarm")).json
        assert set(found["JoinTokens"]) == {"Worker", "Manager"}
        node = (await door.ask("GET", f"/nodes/{made.json}")).json
        assert {"Type": "Network", "Name": "overlay"} in node["Description"]["Engine"]["Plugins"]
        assert node["Description"]["Resources"] == {"NanoCPUs": 2_000_000_000, "MemoryBytes": 1000}
        assert (await door.ask("GET", "/swarm/unlockkey")).json == {"UnlockKey": ""}
        rotated = await door.ask(
            "POST", f"/swarm/update?version={found['Version']['Index']}&rotateWorkerToken=true", found["Spec"]
        )
        assert rotated.status == 200
        tokens = (await door.ask("GET", "/swarm")).json["JoinTokens"]
        assert tokens["Worker"] != found["JoinTokens"]["Worker"]
        assert tokens["Manager"] == found["JoinTokens"]["Manager"]
        assert (await door.ask("POST", "/swarm/leave")).status == 503
        assert (await door.ask("POST", "/swarm/leave?force=1")).status == 200

    check(test, {"GET /info": info, "GET /networks": []})


def test_ping() -> None:
    async def test(door: Door) -> None:
        for method, body in (("GET", b"OK"), ("HEAD", b"")):
            told = await door.ask(method, "/_ping")
            assert (told.status, told.body) == (200, body)
            assert "api-version: 1.41" in told.head

    check(test)


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


def test_a_filtered_list_of_containers() -> None:
    def row(number: int, name: str) -> Raw:
        networks = {name: {"NetworkID": "x"}}
        return {
            "Id": f"c{number}",
            "State": "running",
            "Status": "Up 1 second",
            "Labels": {},
            "Ports": [{"PrivatePort": 80, "PublicPort": 8000 + number, "Type": "tcp"}],
            "NetworkSettings": {"Networks": networks},
        }

    async def test(door: Door) -> None:
        await swarmed(door)
        key = await networks.create(door.store, {"Name": "net", "Driver": "overlay"})
        door.engine.answers["GET /containers/json"] = [
            row(1, "bridge"),
            row(2, f"skerry.{key}"),
            row(3, f"skerry.{key}"),
        ]
        told = await door.ask("GET", "/containers/json?limit=1&filters=%7B%22network%22:%5B%22net%22%5D%7D")
        assert [entry["Id"] for entry in told.json] == ["c2"]
        assert "limit" not in door.engine.heads[-1]
        assert "all=1" in door.engine.heads[-1]
        told = await door.ask("GET", "/containers/json?filters=%7B%22publish%22:%5B%228003%22%5D%7D")
        assert [entry["Id"] for entry in told.json] == ["c3"]
        told = await door.ask("GET", "/containers/json?filters=%7B%22health%22:%5B%22none%22%5D%7D")
        assert len(told.json) == 3
        assert (
            await door.ask("GET", "/containers/json?filters=%7B%22health%22:%5B%22x%22%5D%7D")
        ).status == 400
        assert (await door.ask("GET", "/containers/json?limit=1")).status == 200
        assert "limit=1" in door.engine.heads[-1]

    check(test)


def frame(stream: int, text: str) -> bytes:
    """A frame of the engine's log."""
    return bytes((stream, 0, 0, 0)) + len(text).to_bytes(4, "big") + text.encode()


def test_logs_of_a_service() -> None:
    body = frame(1, "2026-01-01T00:00:00Z one\n") + frame(2, "2026-01-01T00:00:01Z two\n")

    async def test(door: Door) -> None:
        await swarmed(door)
        service, task = await running(door)
        told = await door.ask("GET", "/services/app/logs?stdout=1&stderr=1&details=1&timestamps=1&tail=5")
        details = (
            f"com.docker.swarm.node.id=node,com.docker.swarm.service.id={service.id},"
            f"com.docker.swarm.task.id={task.id}"
        )
        assert told.body == frame(1, f"2026-01-01T00:00:00Z {details} one\n") + frame(
            2, f"2026-01-01T00:00:01Z {details} two\n"
        )
        assert "tail=5" in door.engine.heads[-1]
        told = await door.ask("GET", f"/tasks/{task.id}/logs?stdout=1")
        assert told.body == frame(1, "one\n") + frame(2, "two\n")

    check(test, {"GET /containers/c1/logs": (200, body), "GET /containers/c1/json": {"Id": "c1"}})


def test_what_is_past_comes_in_the_order_of_time() -> None:
    times = [f"2026-01-01T00:00:0{second}.000000000Z" for second in range(4)]

    async def test(door: Door) -> None:
        await swarmed(door)
        _, task = await running(door)
        other = replace(task, id="other", status=replace(task.status, container_id="c2"))
        await door.store.update(lambda tx: tx.put(other))
        told = await door.ask("GET", "/services/app/logs?stdout=1")
        assert b"".join(piece[-1:] for piece in told.body.split(b"\n") if piece) == b"0123"

    check(
        test,
        {
            "GET /containers/c1/logs": (200, frame(1, f"{times[0]} 0\n") + frame(1, f"{times[3]} 3\n")),
            "GET /containers/c2/logs": (200, frame(1, f"{times[1]} 1\n") + frame(1, f"{times[2]} 2\n")),
        },
    )


def test_a_terminals_lines_come_in_the_order_of_time_too() -> None:
    times = [f"2026-01-01T00:00:0{second}.000000000Z" for second in range(4)]

    async def test(door: Door) -> None:
        await swarmed(door)
        service, task = await running(door, container={"TTY": True})
        other = replace(task, id="other", status=replace(task.status, container_id="c2"))
        await door.store.update(lambda tx: tx.put(other))
        told = await door.ask("GET", "/services/app/logs?stdout=1")
        assert told.body == b"0\r\n1\r\n2\r\n3, unfinished"
        told = await door.ask("GET", "/services/app/logs?stdout=1&timestamps=1&details=1")
        details = f"com.docker.swarm.node.id=node,com.docker.swarm.service.id={service.id}"
        assert told.body.startswith(
            f"{times[0]} {details},com.docker.swarm.task.id={task.id} 0\r\n"
            f"{times[1]} {details},com.docker.swarm.task.id=other 1\r\n".encode()
        )

    check(
        test,
        {
            "GET /containers/c1/logs": (200, f"{times[0]} 0\r\n{times[3]} 3, unfinished".encode()),
            "GET /containers/c2/logs": (200, f"{times[1]} 1\r\n{times[2]} 2\r\n".encode()),
        },
    )


def test_followed_logs_take_up_later_tasks() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        _, task = await running(door)
        reader, writer = await door.connect()
        writer.write(b"GET /services/app/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: d\r\n\r\n")
        await reader.readuntil(b"first\n")
        later = replace(task, id="later", status=replace(task.status, container_id="c2"))
        await door.store.update(lambda tx: tx.put(later))
        await reader.readuntil(b"second\n")
        await services.remove(door.store, "app")
        async with asyncio.timeout(1):
            await reader.read(-1)
        writer.close()

    check(
        test,
        {
            "GET /containers/c1/logs": (200, frame(1, "2026-01-01T00:00:00.000000001Z first\n")),
            "GET /containers/c2/logs": (200, frame(1, "2026-01-01T00:00:00.000000002Z second\n")),
        },
    )


def test_for_clients_before_1_30_the_server_asks_for_the_digest() -> None:
    built = {"Id": "sha256:a", "RepoDigests": []}
    cafe, beef = f"sha256:{'cafe' * 16}", f"sha256:{'beef' * 16}"
    pulled = {"Id": "sha256:b", "RepoDigests": [f"nginx@{beef}"]}
    warning = (
        "image other:1 could not be accessed on a registry to record\nits digest. Each node will access "
        "other:1 independently,\npossibly leading to different nodes running different\nversions of the "
        "image.\n"
    )

    async def created(door: Door, version: str, image: str) -> Any:
        name = f"s{len(door.store.view.services)}"
        told = (
            await door.ask("POST", f"/v{version}/services/create", spec(name, container={"Image": image}))
        ).json
        service = door.store.view.services[told["ID"]]
        return service.spec["TaskTemplate"]["ContainerSpec"]["Image"], told.get("Warnings"), service

    async def test(door: Door) -> None:
        await swarmed(door)
        digest = "sha256:" + "c" * 64
        for image, meant, warnings in (
            ("there:1", f"there:1@{cafe}", None),
            ("nginx:1", f"nginx:1@{beef}", None),
            ("built:1", "built:1", None),
            ("other:1", "other:1", [warning]),
            (f"other:1@{digest}", f"other:1@{digest}", None),
        ):
            assert (await created(door, "1.29", image))[:2] == (meant, warnings)
            assert (await created(door, "1.30", image))[:2] == (image, None)
        service = (await created(door, "1.41", "there:1"))[2]
        target = f"/v1.24/services/{service.id}/update?version={service.version}"
        body = spec(service.name, container={"Image": "other:1"})
        assert (await door.ask("POST", target, body)).json == {"Warnings": [warning]}

    failed = (500, {"message": "no registry"})
    check(
        test,
        {
            "GET /images/built:1/json": built,
            "GET /images/nginx:1/json": pulled,
            "GET /distribution/there:1/json": {"Descriptor": {"digest": cafe}},
            "GET /distribution/nginx:1/json": failed,
            "GET /distribution/other:1/json": failed,
        },
    )


def test_a_local_image_needs_no_registry() -> None:
    built = {"Id": "sha256:a", "RepoDigests": [], "Architecture": "amd64", "Os": "linux"}
    pulled = {**built, "RepoDigests": ["nginx@sha256:beef"]}

    async def test(door: Door) -> None:
        told = await door.ask("GET", "/v1.41/distribution/built:1/json")
        assert told.json["Descriptor"]["digest"] == "sha256:a"
        assert told.json["Platforms"] == []
        told = await door.ask("GET", "/distribution/nginx:1/json")
        assert told.json["Descriptor"]["digest"] == "sha256:beef"
        assert (await door.ask("GET", "/distribution/other:1/json")).status == 500

    failed = (500, {"message": "no registry"})
    check(
        test,
        {
            "GET /images/built:1/json": built,
            "GET /images/nginx:1/json": pulled,
            "GET /distribution/nginx:1/json": failed,
            "GET /distribution/other:1/json": failed,
        },
    )


def test_secrets_and_configs_in_use_stay() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        key = await configs.create(door.store, {"Name": "conf", "Data": "YQ=="})
        await secrets.create(door.store, {"Name": "word", "Data": "YQ=="})
        entry = {
            "ConfigID": key,
            "ConfigName": "conf",
            "File": {"Name": "/c", "UID": "0", "GID": "0", "Mode": 292},
        }
        await services.create(door.store, spec(container={"Configs": [entry]}))
        told = await door.ask("DELETE", "/configs/conf")
        assert told.status == 400
        assert "in use by the following service: app" in told.json["message"]

    check(test)


def test_templating_is_newer_than_some_clients() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        body = {"Name": "c", "Data": "YQ==", "Templating": {"Name": "golang"}}
        for kind in ("config", "secret"):
            told = await door.ask("POST", f"/v1.36/{kind}s/create", body)
            text = f"{kind} templating is not supported on the specified API version: 1.36"
            assert (told.status, told.json["message"]) == (400, text)
            assert (await door.ask("POST", f"/v1.37/{kind}s/create", body)).status == 201

    check(test)


def test_disk_usage_shows_tasks_as_the_list_does() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        _, task = await running(door)
        row["Labels"]["com.docker.swarm.task.id"] = task.id
        told = await door.ask("GET", "/system/df")
        assert told.json["Containers"][0]["Image"] == "app:1"
        assert told.json["LayersSize"] == 7

    row: Raw = {"Id": "c1", "Image": "sha256:abc", "Labels": {}, "State": "exited", "NetworkSettings": {}}
    check(test, {"GET /system/df": {"LayersSize": 7, "Containers": [row]}})


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


def test_a_body_of_the_wrong_shape_is_refused_in_words() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        wrong: list[Raw] = [{"Name": "a", "TaskTemplate": []}, {"Networks": [{}], "TaskTemplate": "x"}]
        for body in wrong:
            told = await door.ask("POST", "/services/create", body)
            assert told.status == 400
            assert "cannot unmarshal" in told.json["message"]
        odd: list[Raw] = [{"HostConfig": []}, {"NetworkingConfig": {"EndpointsConfig": {"net": 7}}}]
        for body in odd:
            assert (await door.ask("POST", "/containers/create", body)).status == 400

    check(test, {"POST /containers/create": (400, {"message": "the engine's words"})})
