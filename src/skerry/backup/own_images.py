"""The images of a backup: those that no registry has, or that none may have."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable
from pathlib import Path

from skerry.core.parts import stack_of
from skerry.core.view import View
from skerry.engine.client import DockerEngine
from skerry.model.objects import Raw, Service
from skerry.model.releases import REMOVED
from skerry.model.specs import CONTENT

QUICK = 1
"""The level of compression: layers are large, and the disk is no faster than this."""


async def own_images(engine: DockerEngine, view: View, services: Iterable[Service]) -> list[str]:
    """What services run, or would run after a rollback, and the engine alone has: by name where that still
    means it, else by ID."""
    members = list(services)
    specs = [spec for service in members for spec in _specs(view, service)]
    specs += [spec for stack in sorted(set(map(stack_of, members))) for spec in _released(view, stack)]
    wanted = {(image, content) for image, content in map(_pinned, specs) if content}
    names = []
    for image, content in sorted(wanted):
        name = image.partition("@")[0]
        inspected = await engine.inspect_image(name) if name else None
        if inspected is not None and inspected["Id"] == content:
            names.append(name)
        elif await engine.inspect_image(content) is not None:
            names.append(content)
    return list(dict.fromkeys(names))


def _specs(view: View, service: Service) -> list[Raw]:
    return [service.spec.raw, *(revision.spec.raw for revision in view.revisions_of(service.id))]


def _released(view: View, stack: str) -> list[Raw]:
    """The specs of services that a stack had, some of which it has no more."""
    parts = (part for release in view.releases_of(stack) for part in release.services)
    return [part.spec for part in parts if part.action != REMOVED]


def _pinned(spec: Raw) -> tuple[str, str]:
    """The image that a spec names, and its ID where only this node has it (`control.images`)."""
    container: Raw = (spec.get("TaskTemplate") or {}).get("ContainerSpec") or {}
    return str(container.get("Image", "")), str(container.get(CONTENT, ""))


async def save_images(engine: DockerEngine, names: list[str], path: Path) -> None:
    """Write them into a compressed tar, as `docker load` takes it."""
    squeeze = zlib.compressobj(QUICK, wbits=zlib.MAX_WBITS | 16)
    with path.open("xb") as file:
        async with engine.saved_images(names) as pieces:
            async for piece in pieces:
                file.write(await asyncio.to_thread(squeeze.compress, piece))
        file.write(squeeze.flush())
