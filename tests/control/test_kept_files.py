"""Configs and secrets that were removed, and that something which is kept uses."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

import pytest

from skerry.control import configs, files, secrets, services, undo
from skerry.model.errors import NotFound
from skerry.model.files import KeptFile
from skerry.model.objects import Raw, Service
from skerry.model.states import TaskState
from tests.control.swarm_of_one import World, invalid, spec, update_service

both = pytest.mark.parametrize("module", [configs, secrets])


def kind_of(module: ModuleType) -> str:
    return "Config" if module is configs else "Secret"


def kept(world: World, module: ModuleType) -> Mapping[str, KeptFile]:
    return world.view.kept_configs if module is configs else world.view.kept_secrets


def using(module: ModuleType, key: str) -> Raw:
    kind = kind_of(module)
    return {f"{kind}s": [{f"{kind}ID": key, f"{kind}Name": "x", "File": {"Name": "/x"}}]}


def created(world: World, module: ModuleType, data: str = "YQ==") -> str:
    key: str = world.run(module.create(world.store, {"Name": "x", "Data": data}))
    return key


def left_behind(world: World, module: ModuleType) -> tuple[Service, str]:
    """A service that had one in its first revision, which was removed then."""
    key = created(world, module)
    service = world.update(world.service("a", container=using(module, key)), spec("a"))
    world.run(module.remove(world.store, "x"))
    return service, key


@both
def test_what_a_revision_has_is_kept_and_not_shown(module: ModuleType) -> None:
    world = World()
    _, key = left_behind(world, module)
    assert (kept(world, module)[key].name, kept(world, module)[key].data) == ("x", b"a")
    for ref in ("x", key):
        with pytest.raises(NotFound):
            module.find(world.view, ref)
    assert not world.run(world.store.update(files.settle)), "it is needed"


@both
def test_what_nothing_has_is_gone_at_once(module: ModuleType) -> None:
    world = World()
    created(world, module)
    world.run(module.remove(world.store, "x"))
    assert not kept(world, module)


@both
def test_going_back_shows_it_under_its_id(module: ModuleType) -> None:
    world = World()
    service, key = left_behind(world, module)
    world.run(world.store.update(lambda tx: undo.roll_back(tx, service.id, 1, "")))
    assert module.find(world.view, "x").id == key
    assert not kept(world, module)


@both
def test_a_name_that_is_another_ones_stays_so(module: ModuleType) -> None:
    world = World()
    service, key = left_behind(world, module)
    other = created(world, module, "Yg==")
    world.run(world.store.update(lambda tx: undo.roll_back(tx, service.id, 1, "")))
    assert module.find(world.view, "x").id == other
    assert kept(world, module)[key].data == b"a", "the service has it by its ID"
    version = str(world.view.services[service.id].version)
    again = spec("a", container=using(module, key), Labels={"k": "v"})
    world.run(update_service(world.store, "a", version, again))
    world.run(module.remove(world.store, "x"))
    world.run(world.store.update(files.settle))
    assert module.find(world.view, "x").id == key, "as soon as its name is free"


@both
def test_it_goes_with_the_last_revision_that_has_it(module: ModuleType) -> None:
    world = World()
    service, key = left_behind(world, module)
    for number in range(2):
        world.update(service, spec("a", Labels={"skerry.history.keep": "2", "n": str(number)}))
    assert world.view.revision(service.id, 1) is None
    assert key in kept(world, module)
    world.run(world.store.update(files.settle))
    assert not kept(world, module)


@both
def test_it_goes_with_the_service_and_its_tasks(module: ModuleType) -> None:
    world = World()
    key = created(world, module)
    service = world.service("a", container=using(module, key))
    task = world.task(service)
    world.update(service, spec("a"))
    world.run(module.remove(world.store, "x"))
    world.run(services.remove(world.store, service.id))
    world.run(world.store.update(files.settle))
    assert key in kept(world, module), "the task may be about to start"
    world.task(service, TaskState.SHUTDOWN)
    world.run(world.store.update(lambda tx: tx.delete(task)))
    world.run(world.store.update(files.settle))
    assert not kept(world, module)


@both
def test_nobody_takes_it_by_another_name(module: ModuleType) -> None:
    world = World()
    _, key = left_behind(world, module)
    kind = kind_of(module)
    body = {f"{kind}s": [{f"{kind}ID": key, f"{kind}Name": "y", "File": {"Name": "/x"}}]}
    version = str(services.find(world.view, "a").version)
    world.refuses(
        lambda store: update_service(store, "a", version, spec("a", container=body)),
        400,
        invalid(f"{kind.lower()} not found: y"),
    )
