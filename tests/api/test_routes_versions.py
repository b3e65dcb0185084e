"""New content under an old name over the API: what clients send, see and are told."""

from __future__ import annotations

import asyncio
import base64
from contextlib import closing
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from skerry.cli.client import at_socket
from skerry.cli.outgrow import snapshot
from skerry.model.objects import Raw
from tests.api.door import Answer, Door, check, swarmed

OWN = {"com.docker.stack.namespace": "shop"}


def of(text: str, **more: Any) -> Raw:
    """The spec of a config or secret."""
    return {"Name": "shop_x", "Labels": OWN, "Data": base64.b64encode(text.encode()).decode(), **more}


async def renewed(door: Door, kind: str, text: str) -> Answer:
    """Another content, as `docker stack deploy` sends it."""
    row = (await door.ask("GET", f"/{kind}s/shop_x")).json
    return await door.ask("POST", f"/{kind}s/{row['ID']}/update?version={row['Version']['Index']}", of(text))


async def using(door: Door, kind: str) -> str:
    """Create what is used, and a service that uses it; the ID of the first version."""
    await swarmed(door)
    key = str((await door.ask("POST", f"/{kind}s/create", of("one"))).json["ID"])
    prefix = kind.capitalize()
    reference = {f"{prefix}ID": key, f"{prefix}Name": "shop_x", "File": {"Name": "x", "UID": "0", "GID": "0"}}
    container = {"Image": "app:1", f"{prefix}s": [reference]}
    body = {"Name": "shop_web", "Labels": OWN, "TaskTemplate": {"ContainerSpec": container}}
    assert (await door.ask("POST", "/services/create", body)).status == 201
    return key


both = pytest.mark.parametrize("kind", ["config", "secret"])


@both
def test_one_object_is_listed_and_the_name_means_it(kind: str) -> None:
    async def test(door: Door) -> None:
        first = await using(door, kind)
        told = await renewed(door, kind, "two")
        assert (told.status, told.body) == (200, b"")
        (row,) = (await door.ask("GET", f"/{kind}s")).json
        assert row["ID"] != first
        assert row["Spec"]["Name"] == "shop_x"
        assert (await door.ask("GET", f"/{kind}s/shop_x")).json == row
        assert (await door.ask("GET", f'/{kind}s?filters={{"name":["shop_x"]}}')).json == [row]
        former = (await door.ask("GET", f"/{kind}s/{first}")).json
        assert (former["ID"], former["Spec"]["Name"]) == (first, "shop_x")
        if kind == "config":
            contents = [base64.b64decode(entry["Spec"]["Data"]) for entry in (former, row)]
            assert contents == [b"one", b"two"]
        service = (await door.ask("GET", "/services/shop_web")).json
        prefix = kind.capitalize()
        (now,), (before,) = (
            service[spec]["TaskTemplate"]["ContainerSpec"][f"{prefix}s"] for spec in ("Spec", "PreviousSpec")
        )
        assert (now[f"{prefix}ID"], now[f"{prefix}Name"]) == (row["ID"], "shop_x")
        assert (before[f"{prefix}ID"], before[f"{prefix}Name"]) == (first, "shop_x")
        assert (await door.ask("DELETE", f"/{kind}s/{first}")).status == 404
        assert (await door.ask("GET", f"/skerry/{kind}s/{first}/versions")).status == 200
        stale = await door.ask("POST", f"/{kind}s/{first}/update?version=1", of("three"))
        assert stale.json["message"] == "rpc error: code = Unknown desc = update out of sequence"

    check(test)


@both
def test_what_was_removed_is_not_found_though_it_is_kept(kind: str) -> None:
    async def test(door: Door) -> None:
        first = await using(door, kind)
        await renewed(door, kind, "two")
        service = (await door.ask("GET", "/services/shop_web")).json
        del service["Spec"]["TaskTemplate"]["ContainerSpec"][f"{kind.capitalize()}s"]
        target = f"/services/shop_web/update?version={service['Version']['Index']}"
        assert (await door.ask("POST", target, service["Spec"])).status == 200
        assert (await door.ask("GET", f"/{kind}s/{first}")).status == 200
        assert (await door.ask("DELETE", f"/{kind}s/shop_x")).status == 204
        assert (await door.ask("GET", f"/{kind}s/{first}")).status == 404
        (row,) = (await door.ask("GET", f"/skerry/{kind}s/shop_x/versions")).json
        assert (row["ID"], row["Shown"]) == (first, False)

    check(test)


@both
def test_the_versions_are_told_and_of_a_secret_nothing_of_its_content(kind: str) -> None:
    async def test(door: Door) -> None:
        first = await using(door, kind)
        await renewed(door, kind, "two")
        for ref in ("shop_x", first):
            told = await door.ask("GET", f"/skerry/{kind}s/{ref}/versions")
            one, two = told.json
            assert (one["Number"], one["ID"], one["Shown"]) == (1, first, False)
            assert (two["Number"], two["Shown"], two["Services"]) == (2, True, ["shop_web"])
            assert (one["Services"], one["Revisions"]) == ([], [{"Service": "shop_web", "Number": 1}])
            assert (one["SameAs"], two["SameAs"], two["Revisions"], two["Releases"]) == (0, 0, [], [])
            assert ("Digest" in one) == (kind == "config")
            for text in (b"one", b"two", base64.b64encode(b"two")):
                assert text not in told.body
        if kind == "config":
            assert one["Digest"] == "sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
        missing = await door.ask("GET", f"/skerry/{kind}s/nope/versions")
        assert (missing.status, missing.json["message"]) == (404, f"{kind} nope not found")

    check(test)


@both
def test_what_docker_stack_deploy_sends_next_is_accepted(kind: str) -> None:
    async def test(door: Door) -> None:
        await using(door, kind)
        await renewed(door, kind, "two")
        (service,) = (await door.ask("GET", "/services")).json
        target = f"/services/{service['ID']}/update?version={service['Version']['Index']}"
        assert (await door.ask("POST", target, service["Spec"])).status == 200
        (after,) = (await door.ask("GET", "/services")).json
        assert after["Spec"] == service["Spec"]
        (revisions,) = [(await door.ask("GET", f"/skerry/services/{service['ID']}/revisions")).json]
        assert [row["Number"] for row in revisions] == [1, 2]

    check(test)


@both
def test_without_a_stack_swarms_refusal(kind: str) -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        await door.ask("POST", f"/{kind}s/create", of("one", Labels={}))
        told = await renewed(door, kind, "two")
        text = "rpc error: code = InvalidArgument desc = only updates to Labels are allowed"
        assert (told.status, told.json["message"]) == (400, text)

    check(test)


@both
def test_what_is_read_of_a_stack_is_what_its_services_have(kind: str) -> None:
    async def test(door: Door) -> None:
        first = await using(door, kind)
        await renewed(door, kind, "two")
        second = (await door.ask("GET", f"/{kind}s/shop_x")).json["ID"]
        for key in (second, first):
            with closing(at_socket("skerry", door.path)) as client:
                whole = await asyncio.to_thread(snapshot.read, client)
            part = snapshot.part(whole, ["shop"])
            rows = part.configs if kind == "config" else part.secrets
            assert {name: row["ID"] for name, row in rows.items()} == {"shop_x": key}
            service = (await door.ask("GET", "/services/shop_web")).json
            target = f"/services/shop_web/update?version={service['Version']['Index']}&rollback=previous"
            await door.ask("POST", target, service["Spec"])

    check(test, {"GET /networks": (200, b"[]")})


def test_events_tell_that_one_came_and_one_went() -> None:
    async def test(door: Door) -> None:
        first = await using(door, "config")
        await renewed(door, "config", "two")
        second = (await door.ask("GET", "/configs/shop_x")).json["ID"]
        door.clock.now += 1_000_000_000
        filters = quote('{"type":["config"]}')
        told = await door.ask("GET", f"/events?since=0&until=1000.9&filters={filters}")
        rows = [msgspec.json.decode(line) for line in told.body.splitlines() if line.startswith(b"{")]
        assert [(row["Action"], row["Actor"]["ID"]) for row in rows] == [
            ("create", first),
            ("remove", first),
            ("create", second),
        ]

    check(test, {"GET /events": (200, b"")})
