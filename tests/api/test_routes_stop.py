"""Stopping and starting over a fake engine: what is answered, what is written, and who may ask."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from skerry.api.routes import revisions, stacks
from skerry.control.scope.decision import Asked, decide
from skerry.control.scope.role import Role
from skerry.model.objects import Raw
from tests.api.door import Door, check, swarmed
from tests.api.test_routes_stacks import FIRST, deployed

OWN, OTHER, READ = Role("deploy", "shop", ("*",)), Role("deploy", "other", ("*",)), Role("read")


async def told(door: Door, method: str, path: str) -> Raw:
    """The JSON of a call that is accepted."""
    answer = await door.ask(method, path)
    assert answer.status == 200, answer.body
    assert isinstance(answer.json, dict)
    return answer.json


async def lines(door: Door, path: str) -> list[Raw]:
    """The lines of a progress, to its end."""
    answer = await door.ask("GET", path)
    assert answer.status == 200, answer.body
    return [msgspec.json.decode(line) for line in answer.body.splitlines()]


def test_a_stack_is_stopped_and_started_and_each_call_tells_what_it_changed() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        await deployed(door, FIRST)
        assert await told(door, "POST", "/skerry/services/shop_app/stop") == {"Services": ["shop_app"]}
        assert await told(door, "POST", "/skerry/stacks/shop/stop") == {"Services": ["shop_db"]}
        assert await told(door, "POST", "/skerry/stacks/shop/stop") == {"Services": []}
        shown = await told(door, "GET", "/skerry/stacks/shop")
        assert {row["State"] for row in shown["Services"]} == {"stopped"}
        *rows, last = await lines(door, "/skerry/stacks/shop/progress?of=stop")
        assert {(row["Service"], row["Phase"]) for row in rows} == {
            ("shop_app", "stopped"),
            ("shop_db", "stopped"),
        }
        assert last == {"Release": 0, "State": "done", "Reason": ""}
        status = await told(door, "GET", "/skerry/status")
        assert status["problems"] == []
        assert all(row["stopped"].startswith("stopped") for row in status["services"])
        started = await told(door, "POST", "/skerry/services/shop_app/start")
        assert started == {"Services": ["shop_app", "shop_db"]}, "what it needs starts with it"
        (*_, last) = await lines(door, "/skerry/services/shop_app/progress?of=stop")
        assert (last["State"], last["Reason"]) == ("superseded", "shop_app was started again")

    check(test)


def test_a_stack_of_which_a_part_is_stopped_says_so() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        await deployed(door, FIRST)
        release = door.store.view.release_of("shop")
        assert release is not None
        over = replace(release, outcome=replace(release.outcome, state="converged"))
        await door.store.update(lambda tx: tx.put(over))
        await told(door, "POST", "/skerry/stacks/shop/stop")
        assert (await told(door, "GET", "/skerry/stacks/shop"))["State"] == "stopped"
        await told(door, "POST", "/skerry/services/shop_db/start")
        assert (await told(door, "GET", "/skerry/stacks/shop"))["State"] == "rolling"

    check(test)


def test_an_update_by_docker_is_told_that_it_stays_stopped() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        await deployed(door, FIRST)
        await told(door, "POST", "/skerry/services/shop_db/stop")
        service = await told(door, "GET", "/services/shop_db")
        path = f"/services/shop_db/update?version={service['Version']['Index']}"
        answer = await door.ask("POST", path, {**service["Spec"], "Mode": {"Replicated": {"Replicas": 3}}})
        (warning,) = answer.json["Warnings"]
        assert "shop_db is stopped" in warning
        assert warning.endswith("skerry start shop/db; its new spec holds from then on")
        shown = await told(door, "GET", "/services/shop_db")
        assert shown["UpdateStatus"]["State"] == "completed"

    check(test)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/skerry/stacks/nobody/stop", 404),
        ("POST", "/skerry/services/nobody/start", 404),
        ("GET", "/skerry/stacks/shop/progress?of=sleep", 400),
    ],
)
def test_what_is_not_there_is_refused(method: str, path: str, status: int) -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        await deployed(door, FIRST)
        assert (await door.ask(method, path)).status == status

    check(test)


def test_who_may_deploy_a_stack_may_stop_its_own_alone() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        await deployed(door, FIRST)
        calls = [
            route for route in (*revisions.ROUTES, *stacks.ROUTES) if route.path.endswith(("/stop", "/start"))
        ]
        assert len(calls) == 4
        for route in calls:
            ref = "shop" if route.access.kind == "stack" else "shop_db"
            for role, allowed in ((OWN, True), (OTHER, False), (READ, False)):
                verdict = decide(role, Asked(route.access, ref), door.store.view)
                assert (not verdict.reason) is allowed, (route.path, role)

    check(test)
