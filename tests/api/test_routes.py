"""The routes behind the front door, over a fake engine and a store in memory."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from skerry.control import configs, networks, secrets
from skerry.model.objects import Raw
from tests.api.door import Door, check, running, swarmed
from tests.control.swarm_of_one import INIT, create_service, spec


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
            ('{"_up-to-date":["true"],"service":["app"]}', {"apptask"}),
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

    check(test, {"GET /info": info, "GET /networks": [], "GET /plugins": []})


def test_ping() -> None:
    async def test(door: Door) -> None:
        for method, body in (("GET", b"OK"), ("HEAD", b"")):
            told = await door.ask(method, "/_ping")
            assert (told.status, told.body) == (200, body)
            assert "api-version: 1.41" in told.head

    check(test)


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
        await create_service(door.store, spec(container={"Configs": [entry]}))
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


UPDATES: list[tuple[str, Raw, str]] = [
    ("x", {"Name": 5}, "json: cannot unmarshal number into Go struct field ServiceSpec.Name of type string"),
    ("x", {}, "invalid service version 'x': strconv.ParseUint: parsing \"x\": invalid syntax"),
    ("1", {}, "mismatched Runtime and *Spec fields"),
]


@pytest.mark.case("F10")
@pytest.mark.parametrize(("version", "body", "message"), UPDATES, ids=["types", "version", "spec"])
def test_what_is_wrong_with_an_update_is_said_in_docker_s_order(
    version: str, body: Raw, message: str
) -> None:
    """First the types of the body, then the version, then what the spec means."""

    async def test(door: Door) -> None:
        await swarmed(door)
        refused = await door.ask("POST", f"/services/nothere/update?version={version}", body)
        assert (refused.status, refused.json["message"]) == (400, message)

    check(test)
