"""What keeps images at the engine: containers that never run, and tags (`core.kept_images`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from skerry.core.kept_images import (
    EngineContainer,
    EngineImage,
    KeepingPlan,
    holder_of,
    is_tag_of,
    tag_of,
)
from skerry.engine.port import Engine, EngineError
from skerry.model.container_labels import KEEPS
from skerry.model.objects import Raw

log = structlog.get_logger()

NEVER_RUN = ["skerry-keeps-this-image"]
"""What such a container would run: an engine makes none without a command."""
NO_NAME = "<none>"
"""How engines before 25 write that an image has no tag, or no digest."""


async def images_of(engine: Engine) -> list[EngineImage]:
    """All images that have a name or that nothing was built on."""
    return [
        EngineImage(str(row["Id"]), _names(row.get("RepoTags")), _names(row.get("RepoDigests")))
        for row in await engine.get_list("/images/json")
    ]


def _names(names: list[str] | None) -> frozenset[str]:
    return frozenset(name for name in names or () if not name.startswith(NO_NAME))


async def sizes_of(engine: Engine) -> dict[str, int]:
    """What each image takes that no other one has, in bytes."""
    usage = await engine.get("/system/df")
    return {
        str(row["Id"]): max(0, row.get("Size", 0) - max(0, row.get("SharedSize", 0)))
        for row in usage.get("Images") or ()
    }


async def containers_of(engine: Engine) -> list[EngineContainer]:
    """All containers, those included that do not run."""
    return [_container(row) for row in await engine.get_list("/containers/json", all="1")]


def _container(row: Raw) -> EngineContainer:
    return EngineContainer(str(row["Id"]), str(row["ImageID"]), (row.get("Labels") or {}).get(KEEPS, ""))


async def carry_out(engine: Engine, plan: KeepingPlan, instance: str) -> set[str]:
    """Do what a plan says, as far as the engine lets us; the containers that were made. What somebody removed
    meanwhile, or has come to use, is looked at again next time. Raises EngineUnreachable."""
    made: set[str] = set()
    for image in plan.held:
        with _refusals_logged("an image can't be kept", image):
            made.add(await _hold(engine, image, instance))
    for image in plan.tagged:
        with _refusals_logged("an image can't be tagged", image):
            repository, _, tag = tag_of(image, instance).partition(":")
            await engine.post(f"/images/{image}/tag", repo=repository, tag=tag)
    for container in plan.released:
        with _refusals_logged("a container can't be removed", container):
            await engine.remove_container(container)
    for tag in plan.untagged:
        with _refusals_logged("a tag can't be removed", tag):
            await engine.remove_image(tag)
    return made


@contextmanager
def _refusals_logged(words: str, what: str) -> Iterator[None]:
    try:
        yield
    except EngineError as error:
        log.info(words, of=what, why=error.message)


async def _hold(engine: Engine, image: str, instance: str) -> str:
    """Give an image to a container that never runs, has no network, and no volume for what the image would
    have on one; its ID."""
    config = (await engine.get(f"/images/{image}/json")).get("Config") or {}
    host = {"NetworkMode": "none", "Tmpfs": dict.fromkeys(config.get("Volumes") or {}, "")}
    labels = {KEEPS: instance}
    body = {"Image": image, "Entrypoint": NEVER_RUN, "Labels": labels, "HostConfig": host}
    return await engine.create_container(holder_of(image, instance), body)


async def let_go(engine: Engine, instance: str) -> None:
    """Remove all that keeps images for an instance. Images that nothing else names go with it."""
    label = json.dumps({"label": [f"{KEEPS}={instance}"]})
    held = await engine.get_list("/containers/json", all="1", filters=label)
    await carry_out(
        engine,
        KeepingPlan(released=tuple(str(row["Id"]) for row in held), untagged=await tags_of(engine, instance)),
        instance,
    )


async def tags_of(engine: Engine, instance: str) -> tuple[str, ...]:
    """The tags by which an instance keeps images."""
    images = await images_of(engine)
    return tuple(sorted(tag for image in images for tag in image.tags if is_tag_of(tag, instance)))
