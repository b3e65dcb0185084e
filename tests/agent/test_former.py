"""What a lost state left on the engine: shown, and out of the way of a service of the same name."""

from __future__ import annotations

import asyncio

import pytest

from skerry.model.labels import INSTANCE
from skerry.model.states import TaskState
from tests.agent.stage import NODE, stage
from tests.engine.fake import FakeEngine

LOST = {"com.docker.swarm.node.id": "lost", "com.docker.swarm.task.id": "old", INSTANCE: "skerry"}


async def left(fake: FakeEngine, name: str, changes: dict[str, str]) -> None:
    """A container that runs, with the labels of a task of the lost swarm, or others; "" for none."""
    labels = {**LOST, "com.docker.swarm.service.name": name.partition(".")[0], **changes}
    body = {"Image": "box:1", "Labels": {key: value for key, value in labels.items() if value}}
    await fake.create_container(name, body)
    await fake.start_container(name)


def played(*containers: tuple[str, dict[str, str]]) -> list[str]:
    """What the status says of these containers; those that are there once a service `web` has started a task;
    and what it says then."""

    async def play() -> list[str]:
        async with stage(running=False) as here:
            fake = here.engine
            assert isinstance(fake, FakeEngine)
            for name, changes in containers:
                await left(fake, name, changes)
            await here.start()
            await here.until(lambda: "list /containers/json" in here.calls)
            before = here.conditions.texts
            await here.task()
            await here.until_state(TaskState.RUNNING)
            return ["; ".join(before), " ".join(sorted(fake.boxes)), "; ".join(here.conditions.texts)]

    return asyncio.run(play())


@pytest.mark.case("B8")
def test_they_are_shown_and_make_way_for_a_service_of_their_name() -> None:
    before, there, after = played(("web.1.old", {}), ("web.2.old", {}), ("db.1.old", {}))
    assert "no service knows db.1.old, web.1.old, web.2.old, which a former swarm left" in before
    assert there == "db.1.old web.1.t1"
    assert "no service knows db.1.old, which a former swarm left" in after


@pytest.mark.case("B8")
@pytest.mark.parametrize(
    "changes",
    [{INSTANCE: "another"}, {INSTANCE: ""}, {"com.docker.swarm.node.id": ""}],
    ids=["another instance's", "nobody's", "no task's"],
)
def test_what_is_not_ours_is_left_alone(changes: dict[str, str]) -> None:
    assert played(("web.1.old", changes)) == ["", "web.1.old web.1.t1", ""]


@pytest.mark.case("B8")
def test_of_this_swarm_what_no_row_knows_is_removed_as_swarm_does() -> None:
    changes = {"com.docker.swarm.node.id": NODE.id}
    assert played(("web.9.old", changes)) == ["", "web.1.t1", ""]


def test_many_are_counted() -> None:
    before, *_ = played(*((f"db.{number}.old", {}) for number in range(7)))
    assert "db.0.old, db.1.old, db.2.old, db.3.old, db.4.old and 2 more, which" in before


@pytest.mark.case("B8")
async def test_one_that_is_removed_is_not_named_any_more() -> None:
    async with stage(running=False) as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        await left(fake, "web.1.old", {})
        await here.start()
        await here.until(lambda: bool(here.conditions.texts))
        await fake.remove_container("web.1.old")
        await here.until(lambda: not here.conditions.texts)
