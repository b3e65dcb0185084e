"""What is forgotten: what is beyond the limits, and what only that had."""

from __future__ import annotations

from skerry.control import configs, services
from skerry.control.prune import Pruned, prune
from skerry.model.objects import Raw, Service
from skerry.model.releases import CONVERGED, ROLLING, TAKEN_BACK, Outcome, Release, release_id
from tests.control.swarm_of_one import World, spec


def forgotten(world: World, most: int) -> Pruned:
    return world.run(world.store.update(lambda tx: prune(tx, most)))


def with_config(key: str) -> Raw:
    return {"Configs": [{"ConfigID": key, "ConfigName": "conf", "File": {"Name": "/x"}}]}


def with_revisions(world: World, count: int, **first: Raw) -> Service:
    service = world.service("a", **first)
    for number in range(2, count + 1):
        service = world.update(service, spec("a", Labels={"n": str(number)}))
    return service


def released(world: World, *states: str) -> None:
    for number, state in enumerate(states, 1):
        row = Release(release_id("shop", number), "shop", number, (), outcome=Outcome(state))
        world.run(world.store.update(lambda tx, row=row: tx.put(row)))  # type: ignore[misc]


def test_the_oldest_go_with_what_only_they_had() -> None:
    world = World()
    key = world.config("conf")
    with_revisions(world, 4, container=with_config(key))
    world.run(configs.remove(world.store, "conf"))
    assert forgotten(world, 4).empty
    gone = forgotten(world, 2)
    assert [row.number for row in gone.revisions] == [1, 2]
    assert [file.id for file in gone.files] == [key]
    assert not world.view.kept_configs
    assert forgotten(world, 2).empty


def test_the_present_revision_stays() -> None:
    world = World()
    service = with_revisions(world, 3)
    version = str(service.version)
    world.run(services.update(world.store, "a", int(version), service.spec.raw, rollback="previous"))
    assert [row.number for row in forgotten(world, 1).revisions] == [1, 3], "one is kept: that which is there"
    assert world.view.services[service.id].revision == 2


def test_what_a_stack_has_now_stays_whatever_came_after_it() -> None:
    world = World()
    world.service("shop_web", Labels={"com.docker.stack.namespace": "shop"})
    released(world, CONVERGED, CONVERGED, CONVERGED, TAKEN_BACK, TAKEN_BACK)
    gone = forgotten(world, 1)
    assert [row.number for row in gone.releases] == [1, 4], "2 is what was before 3, which is there"


def test_the_releases_of_a_stack_that_is_gone_go() -> None:
    world = World()
    released(world, CONVERGED, CONVERGED)
    assert [row.number for row in forgotten(world, 100).releases] == [1, 2]


def test_a_release_under_way_stays() -> None:
    world = World()
    released(world, CONVERGED, ROLLING)
    assert forgotten(world, 100).empty
