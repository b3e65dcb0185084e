"""/skerry/stacks over a fake engine: what is answered, what is written, and what is not."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from skerry.control.stacks import find
from skerry.model.objects import Raw
from skerry.model.releases import Failure, Outcome
from tests.api.door import Door, check, swarmed

STACK = "com.docker.stack.namespace"


def service(name: str, image: str = "app:1", **labels: str) -> Raw:
    """A service of the stack `shop`."""
    task = {"ContainerSpec": {"Image": image}, "Networks": [{"Target": "shop_net"}]}
    return {"Name": f"shop_{name}", "Labels": {STACK: "shop", **labels}, "TaskTemplate": task}


def body(*services: Raw, **more: Any) -> Raw:
    """What a client sends for them."""
    label = {STACK: "shop"}
    return {
        "Services": [*services],
        "Networks": [{"Name": "shop_net", "Driver": "overlay", "Labels": label}],
        "Configs": [{"Name": "shop_conf", "Labels": label, "Data": "YQ=="}],
        "Secrets": [{"Name": "shop_word", "Labels": label, "Data": "aHVzaA=="}],
        "Volumes": [{"Name": "shop_data"}],
        "Source": {"Text": "services: {}", "Origin": "here:/compose.yaml"},
        **more,
    }


FIRST = body(service("db"), service("app", **{"skerry.depends_on": "db:healthy"}))
SECOND = body(service("db", "app:2"), service("app", **{"skerry.depends_on": "db:healthy"}))


async def deployed(door: Door, sent: Raw, query: str = "") -> Raw:
    """The answer to a deploy that is accepted."""
    told = await door.ask("POST", f"/skerry/stacks/shop{query}", sent)
    assert told.status == 200, told.body
    assert isinstance(told.json, dict)
    return told.json


def test_a_plan_writes_nothing_and_is_what_is_then_done() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        before = door.store.view
        planned = await deployed(door, FIRST, "?plan=true")
        assert door.store.view is before
        assert (planned["Release"], planned["Changed"]) == (1, True)
        for kind, name in (
            ("Networks", "net"),
            ("Configs", "conf"),
            ("Secrets", "word"),
            ("Volumes", "data"),
        ):
            assert planned["Plan"][kind] == [{"Name": f"shop_{name}", "Action": "new"}]
        done = await deployed(door, FIRST)
        for plan in (planned["Plan"], done["Plan"]):
            for row in plan["Services"]:
                del row["ID"]
        assert done == planned
        again = await deployed(door, FIRST)
        assert (again["Release"], again["Changed"]) == (1, False)
        assert {row["Action"] for rows in again["Plan"].values() for row in rows} == {"unchanged"}

    check(test)


def test_all_of_it_is_one_commit() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        version = door.store.view.version
        await deployed(door, FIRST)
        assert door.store.view.version == version + 1
        version = door.store.view.version
        assert (await door.ask("DELETE", "/skerry/stacks/shop")).status == 204
        assert door.store.view.version == version + 1
        assert not door.store.view.services
        assert not door.store.view.configs
        assert not door.store.view.secrets
        assert (await door.ask("GET", "/skerry/stacks/shop")).status == 404

    check(test)


def test_a_change_is_told_field_by_field() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        await deployed(door, FIRST)
        db, app = (await deployed(door, SECOND, "?plan=true"))["Plan"]["Services"]
        assert (db["Name"], db["Action"], db["Tasks"]) == ("shop_db", "rolled", 1)
        assert db["Fields"] == [{"Path": "ContainerSpec.Image", "Old": "app:1", "New": "app:2"}]
        assert (app["Action"], app["WaitsFor"], app["Fields"]) == ("unchanged", ["shop_db"], [])

    check(test)


def test_stacks_and_releases_are_told() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        await deployed(door, FIRST)
        await deployed(door, SECOND)
        (row,) = (await door.ask("GET", "/skerry/stacks")).json
        assert (row["Name"], row["Services"], row["Release"], row["State"]) == ("shop", 2, 2, "rolling")
        whole = (await door.ask("GET", "/skerry/stacks/shop")).json
        shown = [(one["Name"], one["Ready"], one["Wanted"], one["Release"]) for one in whole["Services"]]
        assert shown == [("shop_app", 0, 1, 1), ("shop_db", 0, 1, 2)]
        assert whole["Services"][0]["Note"] == "waits for shop_db to be healthy"
        first, second = (await door.ask("GET", "/skerry/stacks/shop/releases")).json
        assert first["Outcome"]["State"] == "superseded"
        assert (second["Number"], second["Changes"]) == (2, "shop_db rolled")
        assert second["Origin"] == "here:/compose.yaml"
        release = (await door.ask("GET", "/skerry/stacks/shop/releases/1")).json
        assert release["Source"]["Text"] == "services: {}"
        assert b"aHVzaA" not in (await door.ask("GET", "/skerry/stacks/shop/releases/1")).body

    check(test)


def test_progress_ends_with_the_release() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        await deployed(door, FIRST)
        release = find(door.store.view, "shop", 1)
        failed = Failure("shop_db", "t", "task: non-zero exit (1)", ("last words",))
        outcome = Outcome("rolled back", "shop_db: task: non-zero exit (1)", failed, 5)
        await door.store.update(lambda tx: tx.put(replace(release, outcome=outcome)))
        told = await door.ask("GET", "/skerry/stacks/shop/progress?release=1")
        assert "application/x-ndjson" in told.head
        *_, last = (msgspec.json.decode(line) for line in told.body.splitlines())
        assert last == {
            "Release": 1,
            "State": "rolled back",
            "Reason": "shop_db: task: non-zero exit (1)",
            "Failed": {
                "Service": "shop_db",
                "Task": "t",
                "Message": "task: non-zero exit (1)",
                "Log": ["last words"],
            },
        }

    check(test)


@pytest.mark.parametrize(
    ("method", "target", "status", "message"),
    [
        ("GET", "/skerry/stacks/nope", 404, "nothing found in stack: nope"),
        ("GET", "/skerry/stacks/nope/releases", 404, "nothing found in stack: nope"),
        ("DELETE", "/skerry/stacks/nope", 404, "nothing found in stack: nope"),
        ("GET", "/skerry/stacks/nope/progress", 404, "there is no release of the stack nope"),
        (
            "GET",
            "/skerry/stacks/nope/releases/3",
            404,
            "there is no release 3 of the stack nope; kept are: none",
        ),
        (
            "POST",
            "/skerry/stacks/nope/rollback?to=x",
            400,
            'invalid value for to: strconv.ParseUint: parsing "x": invalid syntax',
        ),
    ],
)
def test_refusals(method: str, target: str, status: int, message: str) -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        told = await door.ask(method, target)
        assert (told.status, told.json) == (status, {"message": message})

    check(test)


def test_what_is_wrong_is_said_of_each() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        before = door.store.view
        other = {"Name": "other_db", "TaskTemplate": {"ContainerSpec": {"Image": "app:1"}}}
        told = await door.ask("POST", "/skerry/stacks/shop", body(other))
        assert told.status == 400
        assert told.json["message"].startswith("service other_db: it is not of the stack shop")
        wrong = body(service("a", "Not An Image"), service("b", **{"skerry.depends": "a"}))
        told = await door.ask("POST", "/skerry/stacks/shop", wrong)
        assert told.status == 400
        assert [line.partition(":")[0] for line in told.json["message"].splitlines()] == [
            "service shop_a",
            "service shop_b",
        ]
        assert door.store.view is before
        await deployed(door, FIRST)
        changed = {"Name": "shop_conf", "Data": "Yg=="}
        told = await door.ask("POST", "/skerry/stacks/shop", body(service("db"), Configs=[changed]))
        assert told.status == 409
        assert told.json["message"].endswith("desc = only updates to Labels are allowed")

    check(test)


def test_credentials_are_kept_for_the_images_of_their_registry_and_other_ones_alone_are_no_release() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        sent = body(service("db", "reg.example:5000/db:1"), service("app", "app:1"))
        first, second = (
            {"reg.example:5000": {"username": name}, "gone.example": {"username": "x"}} for name in "ab"
        )
        for number, auths in enumerate((first, second)):
            answer = await door.with_headers(
                "POST", "/skerry/stacks/shop", sent, {"X-Registry-Config": header(auths)}
            )
            assert answer.status == 200, answer.body
            assert (answer.json["Release"], answer.json["Changed"]) == (1, not number)
            kept = {row.name: row.registry_auth for row in door.store.view.services.values()}
            assert kept == {"shop_db": header(auths["reg.example:5000"]), "shop_app": ""}
        assert find(door.store.view, "shop", 1).registry_config == header(first)
        answer = await door.with_headers("POST", "/skerry/stacks/shop", sent, {"X-Registry-Config": "!"})
        assert answer.status == 400

    check(test)


def header(value: Raw) -> str:
    """A header's value, as the docker CLI encodes it."""
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode()
