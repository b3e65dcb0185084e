"""The images of what is kept are kept from being pruned, and let go when nothing needs them."""

from __future__ import annotations

from skerry.core.kept_images import holder_of, tag_of
from skerry.loops.kept_images import KeptImagesLoop
from skerry.model.objects import Raw
from skerry.model.specs import CONTENT
from tests.core.world import Swarm, service_spec
from tests.engine.fake import FakeEngine
from tests.loops.stage import until, with_loop
from tests.loops.test_history import put_all, store_of

OLD = "sha256:" + "a" * 64
NAME, TAG = holder_of(OLD, "isle"), tag_of(OLD, "isle")


def engine_with_images() -> FakeEngine:
    engine = FakeEngine()
    engine.images["app:1"] = {"Id": OLD, "Config": {"Volumes": {"/data": {}}}}
    return engine


def pinned(content: str) -> Raw:
    return service_spec(template={"ContainerSpec": {"Image": "app:1", CONTENT: content}})


async def test_an_image_is_kept_as_long_as_a_revision_has_it() -> None:
    engine, swarm = engine_with_images(), Swarm(pinned(OLD))
    store = store_of(swarm)

    async def body() -> None:
        await store.update(lambda tx: put_all(tx, swarm.view))
        await until(lambda: NAME in engine.boxes)
        box = engine.boxes[NAME]
        assert box.status == "created", "it never runs"
        assert box.body["HostConfig"] == {"NetworkMode": "none", "Tmpfs": {"/data": ""}}, (
            "nor has it a volume"
        )

        swarm.update(pinned("sha256:other"))
        await store.update(lambda tx: put_all(tx, swarm.view))
        engine.untag("app:1")
        await loop.look()
        assert TAG in engine.images

        await engine.remove_container(NAME)  # somebody prunes containers
        await until(lambda: NAME in engine.boxes)
        assert loop.holders == {engine.boxes[NAME].id}

        first = store.view.revision("s", 1)
        assert first is not None
        await store.update(lambda tx: tx.delete(first))
        await until(lambda: NAME not in engine.boxes and TAG not in engine.images)
        assert not loop.holders

    loop = KeptImagesLoop(store, engine, "isle")
    await with_loop(loop.run, body())


async def test_what_the_engine_refuses_is_tried_again() -> None:
    engine, swarm = engine_with_images(), Swarm(pinned(OLD))
    store = store_of(swarm)
    await store.update(lambda tx: put_all(tx, swarm.view))
    engine.untag("app:1")
    loop = KeptImagesLoop(store, engine, "isle")
    await loop.look()
    await store.update(lambda tx: tx.delete(swarm.view.services["s"]))
    await store.update(lambda tx: tx.delete(swarm.view.revisions["s.1"]))
    task = await engine.create_container("task", {"Image": OLD})
    await loop.look()
    assert (NAME in engine.boxes, TAG in engine.images) == (False, True), "a container has come to use it"
    await engine.remove_container(task)
    await loop.look()
    assert TAG not in engine.images
