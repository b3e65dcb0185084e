"""What engines of three ages answer, each over a front door whose engine says that it is of that age."""

from __future__ import annotations

import pytest

from skerry.control import networks
from skerry.model.objects import Raw
from tests.api.door import Answer, Door, check, running, swarmed
from tests.api.fake_socket import VERSION
from tests.control.swarm_of_one import spec

ENGINES: list[Raw] = [
    {**VERSION, "GoVersion": "go1.19.8"},
    {**VERSION, "Version": "26.1.5", "ApiVersion": "1.45", "GoVersion": "go1.24.4"},
    {**VERSION, "Version": "28.5.2", "ApiVersion": "1.51", "GoVersion": "go1.27.1"},
]
NO_MANAGER = "This node is not a swarm manager."
Told = tuple[int, str]


def each(method: str, target: str, body: object = None, *, swarm: bool = True) -> list[Told]:
    """Status and message of the same request, for each engine."""
    told: list[Answer] = []

    async def test(door: Door) -> None:
        if swarm:
            await swarmed(door)
        told.append(await door.ask(method, target, body))

    for version in ENGINES:
        check(test, {"GET /version": version, "GET /volumes/nothing": (404, {"message": "get nothing"})})
    return [(one.status, one.json.get("message", "")) for one in told]


@pytest.mark.parametrize(
    ("method", "target", "body", "wanted"),
    [
        (
            "POST",
            "/configs/create",
            b'{"Name":"a","Data":"YQ=="} {}',
            [(201, ""), (400, "unexpected content after JSON"), (400, "unexpected content after JSON")],
        ),
        (
            "POST",
            "/configs/create",
            b'{"Name":7}',
            [
                (400, "json: cannot unmarshal number into Go struct field ConfigSpec.Name of type string"),
                (
                    400,
                    "invalid JSON: json: cannot unmarshal number into Go struct field "
                    "ConfigSpec.Annotations.Name of type string",
                ),
                (
                    400,
                    "invalid JSON: json: cannot unmarshal number into Go struct field "
                    "ConfigSpec.Name of type string",
                ),
            ],
        ),
        (
            "POST",
            "/networks/create",
            {"Name": "n", "Driver": "overlay", "IPAM": {"Config": [{"Subnet": "zz"}]}},
            [
                (500, "Invalid subnet zz : invalid CIDR address: zz"),
                *[(400, "invalid network config:\ninvalid subnet zz: invalid CIDR block notation")] * 2,
            ],
        ),
        (
            "POST",
            "/networks/create",
            {"Name": "n", "Driver": "overlay", "IPAM": 7},
            [
                (
                    400,
                    "json: cannot unmarshal number into Go struct field "
                    "NetworkCreateRequest.IPAM of type network.IPAM",
                ),
                (
                    400,
                    "invalid JSON: json: cannot unmarshal number into Go struct field "
                    "NetworkCreateRequest.NetworkCreate.IPAM of type network.IPAM",
                ),
                (
                    400,
                    "invalid JSON: json: cannot unmarshal number into Go struct field "
                    "CreateRequest.IPAM of type network.IPAM",
                ),
            ],
        ),
        (
            "GET",
            "/tasks?filters=7",
            None,
            [
                (500, "json: cannot unmarshal number into Go value of type map[string]map[string]bool"),
                *[(400, "invalid filter")] * 2,
            ],
        ),
        (
            "GET",
            "/services?filters=%7B%22a%22:%5B%22b%22%5D%7D",
            None,
            [(400, "Invalid filter 'a'"), *[(400, "invalid filter 'a'")] * 2],
        ),
        (
            "GET",
            "/services/a/logs",
            None,
            [(500, "Bad parameters: you must choose at least one stream")] * 3,
        ),
        ("GET", "/volumes/nothing", None, [(404, "get nothing"), *[(404, "volume nothing not found")] * 2]),
    ],
)
def test_what_each_engine_says(method: str, target: str, body: object, wanted: list[Told]) -> None:
    assert each(method, target, body) == wanted


def test_an_overlay_network_in_no_swarm() -> None:
    told = each("POST", "/networks/create", {"Name": "n", "Driver": "overlay"}, swarm=False)
    assert [status for status, _ in told] == [500, 403, 403]
    assert all(message.startswith(NO_MANAGER) for _, message in told)


def test_a_volume_in_no_swarm_is_the_engines() -> None:
    assert each("GET", "/volumes/nothing", swarm=False) == [(404, "get nothing")] * 3


def test_a_wrong_body_is_told_before_that_there_is_no_swarm() -> None:
    told = each("POST", "/networks/create", {"Name": 7, "Driver": "overlay"}, swarm=False)
    assert [status for status, _ in told] == [400, 400, 400]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("text/plain", "unsupported Content-Type header (text/plain): must be 'application/json'"),
        ("x;;y", "malformed Content-Type header (x;;y): mime: invalid media parameter"),
        ("x y", "malformed Content-Type header (x y): mime: expected slash after first token"),
        ("x/", "malformed Content-Type header (x/): mime: expected token after slash"),
        ("", "malformed Content-Type header (): mime: no media type"),
        ("Application/JSON; charset=utf-8", ""),
        ('application/json;a="b;c";', ""),
    ],
)
def test_newer_engines_want_a_body_to_be_called_json(kind: str, message: str) -> None:
    body = '{"Name":"a","Data":"YQ=="}'
    head = f"POST /configs/create HTTP/1.1\r\nHost: d\r\nContent-Length: {len(body)}\r\nContent-Type: {kind}"

    async def test(door: Door) -> None:
        await swarmed(door)
        told = await door.raw(f"{head}\r\n\r\n{body}".encode())
        assert (told.status, told.json.get("message", "")) == (400 if message else 201, message)

    check(test, {"GET /version": ENGINES[1]})


def test_a_service_is_told_with_what_newer_engines_add() -> None:
    told: list[list[object]] = []

    async def test(door: Door) -> None:
        await swarmed(door)
        await networks.create(door.store, {"Name": "net", "Driver": "overlay"})
        made = (await door.ask("POST", "/v1.41/services/create", spec("one"))).json
        await running(door, "two")
        task = (await door.ask("GET", "/v1.41/tasks")).json[0]
        network = (await door.ask("GET", "/v1.41/networks/net")).json
        told.append([made.get("Warnings", 0), task.get("Volumes", 0), network.get("EnableIPv4", 0)])

    for version in ENGINES:
        check(test, {"GET /version": version})
    assert told == [[0, 0, 0], [None, None, 0], [None, None, True]]


def test_a_start_that_fails_for_a_network() -> None:
    told: list[str] = []

    async def test(door: Door) -> None:
        await swarmed(door)
        key = await networks.create(door.store, {"Name": "closed", "Driver": "overlay"})
        door.engine.answers["GET /containers/c/json"] = {
            "Id": "c" * 64,
            "Config": {"Labels": {}},
            "HostConfig": {"NetworkMode": f"skerry.{key}"},
            "NetworkSettings": {"Networks": {}},
        }
        found = await door.ask("POST", "/containers/c/start")
        assert found.status == 500
        told.append(found.json["message"].partition(": rpc")[0])

    for version in ENGINES:
        check(test, {"GET /version": version})
    plain = "Could not attach to network closed"
    assert told == [plain, plain, f"failed to set up container networking: {plain}"]


def test_the_network_mode_of_a_task() -> None:
    told: list[str] = []

    async def test(door: Door) -> None:
        await swarmed(door)
        _, task = await running(door)
        ingress = next(one for one in door.store.view.networks.values() if one.ingress)
        door.engine.answers["GET /containers/c/json"] = {
            "Id": task.status.container_id,
            "Config": {"Labels": {"com.docker.swarm.task.id": task.id}},
            "HostConfig": {"NetworkMode": ingress.engine_name},
            "NetworkSettings": {},
        }
        told.append((await door.ask("GET", "/containers/c/json")).json["HostConfig"]["NetworkMode"])

    for version in ENGINES:
        check(test, {"GET /version": version})
    assert told == ["default", "bridge", "bridge"]
