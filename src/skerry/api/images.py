"""What an image's reference means on this node, for services that use an image which no registry has."""

from __future__ import annotations

from urllib.parse import quote

from skerry.api.call import Call
from skerry.control.images import Content
from skerry.engine.port import EngineUnreachable
from skerry.model.objects import Raw


async def content_of(call: Call, spec: Raw) -> Content | None:
    """The content of a service spec's image, where only this node has it."""
    template = spec.get("TaskTemplate")
    container = template.get("ContainerSpec") if isinstance(template, dict) else None
    reference = container.get("Image") if isinstance(container, dict) else None
    if not isinstance(reference, str) or not reference:
        return None
    name, _, digest = reference.partition("@")
    image = await inspect(call, digest or name)
    if image is None or image.get("RepoDigests") or (digest and image.get("Id") != digest):
        return None
    return Content(name, str(image["Id"]), named=bool(digest))


async def inspect(call: Call, reference: str) -> Raw | None:
    """An image of the engine's, or None where it has none of that name."""
    try:
        told = await call.ask("GET", f"/images/{quote(reference, safe='/:@')}/json")
    except EngineUnreachable:
        return None
    found: Raw | None = told.json if told.status == 200 else None
    return found
