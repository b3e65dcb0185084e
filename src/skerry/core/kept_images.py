"""How the engine is kept from losing the images of what is kept. Pure.

An engine prunes an image that no container has, whatever its tags; with `docker system prune` also one
without a tag, as its containers go before it. So an image that is needed and that no other container has is
given to one that never runs, and one that nothing names any more gets a tag of ours. An image that has a name
of its own gets no second one: of several names, `docker image prune --all` takes the first, though the image
is in use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

REPOSITORY = "skerry/kept"
SHORT = 12
"""So many digits of an image's ID tell it from all others, as in Docker's lists."""


@dataclass(frozen=True)
class EngineImage:
    """An image of the engine's, with its tags and the digests that it has in repositories."""

    id: str
    tags: frozenset[str] = frozenset()
    digests: frozenset[str] = frozenset()

    @property
    def is_called_otherwise(self) -> bool:
        """Whether it has a name that is not ours."""
        return any(not _is_ours(name) for name in self.tags | self.digests)


@dataclass(frozen=True)
class EngineContainer:
    """A container of the engine's, its image, and the instance that keeps that by it; "" where none does."""

    id: str
    image: str
    keeps: str = ""


@dataclass(frozen=True)
class KeepingPlan:
    """What is to be done at the engine: images by ID, containers by ID, tags whole."""

    held: tuple[str, ...] = ()
    """Images that get a container."""
    tagged: tuple[str, ...] = ()
    released: tuple[str, ...] = ()
    """Containers that nobody needs any more."""
    untagged: tuple[str, ...] = ()
    freed: tuple[str, ...] = ()
    """Images that go with that, as nothing else names or uses them."""


def plan_of(
    needed: Iterable[str], images: Iterable[EngineImage], containers: Iterable[EngineContainer], instance: str
) -> KeepingPlan:
    """What keeps the images that are needed (IDs, or digests of repositories), as far as they are here, and
    no others."""
    here = {image.id: image for image in images}
    wanted = _resolved(needed, here)
    everyones = list(containers)
    ours = [container for container in everyones if container.keeps == instance]
    used = {container.image for container in everyones if container.keeps != instance}
    held = {container.image for container in everyones if container.keeps in ("", instance)}
    tagged = {key for key, image in here.items() if tag_of(key, instance) in image.tags}
    named = {key for key, image in here.items() if image.is_called_otherwise}
    return KeepingPlan(
        held=tuple(sorted(wanted - held)),
        tagged=tuple(sorted(wanted - named - tagged)),
        released=tuple(sorted(container.id for container in ours if container.image not in wanted)),
        untagged=tuple(tag_of(key, instance) for key in sorted(tagged - (wanted - named))),
        freed=tuple(sorted(tagged - wanted - named - used)),
    )


def tag_of(image: str, instance: str) -> str:
    """The tag by which an instance keeps an image."""
    return f"{REPOSITORY}:{instance}.{short(image)}"


def holder_of(image: str, instance: str) -> str:
    """The name of the container by which it does."""
    return f"{instance}.keeps.{short(image)}"


def is_tag_of(tag: str, instance: str) -> bool:
    """Whether an instance gave a tag."""
    return tag.startswith(f"{REPOSITORY}:{instance}.")


def short(image: str) -> str:
    """The ID as lists show it."""
    return image.rpartition(":")[2][:SHORT]


def _is_ours(name: str) -> bool:
    return name.startswith((f"{REPOSITORY}:", f"{REPOSITORY}@"))


def _resolved(needed: Iterable[str], here: Mapping[str, EngineImage]) -> set[str]:
    """The IDs of the images that are needed and here."""
    by_digest = {name.partition("@")[2]: image.id for image in here.values() for name in image.digests}
    keys = {by_digest.get(key, key) if key not in here else key for key in needed}
    return keys & here.keys()
