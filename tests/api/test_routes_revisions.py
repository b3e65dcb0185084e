"""/skerry/services and the rollback of stacks over a fake engine: what was, and going back there."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from skerry.model.objects import Raw, Service
from skerry.model.releases import CONVERGED, Outcome
from tests.api.door import Door, check, swarmed
from tests.api.test_routes_stacks import FIRST, SECOND, deployed


def spec(tag: str, **more: object) -> Raw:
    return {"Name": "app", "TaskTemplate": {"ContainerSpec": {"Image": f"app:{tag}"}}, **more}


def app(door: Door) -> Service:
    return next(row for row in door.store.view.services.values() if row.name == "app")


async def with_history(door: Door) -> None:
    """A service with three revisions."""
    await swarmed(door)
    assert (await door.ask("POST", "/services/create", spec("1"))).status == 201
    for tag in ("2", "3"):
        version = app(door).version
        told = await door.ask("POST", f"/services/app/update?version={version}", spec(tag))
        assert told.status == 200, told.body


def image(door: Door) -> str:
    return app(door).spec.typed.task_template.container_spec.image


def test_revisions_are_told_oldest_first() -> None:
    async def test(door: Door) -> None:
        await with_history(door)
        rows = (await door.ask("GET", "/skerry/services/app/revisions")).json
        assert [(row["Number"], row["Changes"], row["Current"]) for row in rows] == [
            (1, "created: image app:1, 1 replicas", False),
            (2, "image app:1 → app:2", False),
            (3, "image app:2 → app:3", True),
        ]
        assert {row["By"] for row in rows} == {"root"}
        assert (await door.ask("GET", "/skerry/services/nobody/revisions")).status == 404

    check(test)


def test_going_back_is_a_revision_of_its_own() -> None:
    async def test(door: Door) -> None:
        await with_history(door)
        version = door.store.view.version
        planned = (await door.ask("POST", "/skerry/services/app/rollback?plan=true")).json
        assert door.store.view.version == version, "a plan writes nothing"
        done = (await door.ask("POST", "/skerry/services/app/rollback")).json
        assert done == planned
        assert (done["Revision"], done["To"], done["Changed"]) == (4, 2, True)
        assert done["Fields"] == [{"Path": "ContainerSpec.Image", "Old": "app:3", "New": "app:2"}]
        assert image(door) == "app:2"
        last = (await door.ask("GET", "/skerry/services/app/revisions")).json[-1]
        assert (last["Restores"], last["By"]) == (2, "root")
        assert last["Changes"] == "rollback to 2: image app:3 → app:2"
        again = (await door.ask("POST", "/skerry/services/app/rollback")).json
        assert (again["To"], image(door)) == (1, "app:1"), "and not to what the first one left"
        far = await door.ask("POST", "/skerry/services/app/rollback")
        assert (far.status, far.json["message"]) == (
            404,
            "no revision of app from before the present one is kept",
        )

    check(test)


def test_going_back_to_a_number() -> None:
    async def test(door: Door) -> None:
        await with_history(door)
        same = (await door.ask("POST", "/skerry/services/app/rollback?to=3")).json
        assert (same["Changed"], app(door).revision) == (False, 3)
        missing = await door.ask("POST", "/skerry/services/app/rollback?to=9")
        assert (missing.status, missing.json["message"]) == (
            404,
            "there is no revision 9 of app; kept are: 1, 2, 3",
        )
        assert (await door.ask("POST", "/skerry/services/app/rollback?to=x")).status == 400
        assert (await door.ask("POST", "/skerry/services/app/rollback?to=1")).json["Revision"] == 4
        assert image(door) == "app:1"

    check(test)


def test_the_label_says_how_many_are_kept() -> None:
    async def test(door: Door) -> None:
        await with_history(door)
        for tag in ("4", "5"):
            sent = spec(tag, Labels={"skerry.history.keep": "2"})
            told = await door.ask("POST", f"/services/app/update?version={app(door).version}", sent)
            assert told.status == 200, told.body
        rows = (await door.ask("GET", "/skerry/services/app/revisions")).json
        assert [row["Number"] for row in rows] == [3, 4, 5], "the last may be taken back as long as it rolls"
        assert rows[0]["Changes"] == "image app:3, 1 replicas", "what was before it is not known any more"

    check(test)


def test_progress_ends_with_the_revision() -> None:
    async def test(door: Door) -> None:
        await with_history(door)
        current = door.store.view.revision(app(door).id, 3)
        assert current is not None
        await door.store.update(lambda tx: tx.put(replace(current, outcome=Outcome(CONVERGED))))
        told = await door.ask("GET", "/skerry/services/app/progress")
        first, last = [msgspec.json.decode(line) for line in told.body.splitlines()]
        assert (first["Service"], first["Wanted"]) == ("app", 1)
        assert last == {"Release": 3, "State": "converged", "Reason": ""}

    check(test)


def test_a_stack_goes_back_to_what_was_whole_before() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        await deployed(door, FIRST)
        await deployed(door, SECOND)
        nothing = await door.ask("POST", "/skerry/stacks/shop/rollback")
        assert nothing.status == 404, "the first one was superseded"
        first = door.store.view.releases["shop.1"]
        await door.store.update(lambda tx: tx.put(replace(first, outcome=Outcome(CONVERGED))))
        assert (await door.ask("POST", "/skerry/stacks/shop/rollback")).json["Release"] == 3
        last = (await door.ask("GET", "/skerry/stacks/shop/releases")).json[-1]
        assert (last["Restores"], last["Current"], last["Changes"]) == (1, True, "shop_db rolled")

    check(test)
