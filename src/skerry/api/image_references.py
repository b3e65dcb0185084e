"""What an image's reference means, on this node and to its registry."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from urllib.parse import quote

from skerry.api.call import Call
from skerry.control.images import Content
from skerry.engine.port import EngineUnreachable
from skerry.model.objects import Raw


async def content_of(call: Call, spec: Raw) -> Content | None:
    """The content of a service spec's image, where only this node has it, or may be the only one."""
    reference = _reference(spec)
    return await _content(call, reference) if reference else None


async def contents_of(call: Call, references: Iterable[str]) -> dict[str, Content | None]:
    """The same of several images, by reference; the engine is asked for all of them at once."""
    named = sorted(filter(None, references))
    return dict(zip(named, await asyncio.gather(*(_content(call, name) for name in named)), strict=True))


async def _content(call: Call, reference: str) -> Content | None:
    name, _, digest = reference.partition("@")
    image = await inspect(call, digest or name)
    if image is None:
        return None
    if _in_content_store(image):
        return Content(reference, str(image["Id"]))
    if image.get("RepoDigests") or (digest and image.get("Id") != digest):
        return None
    return Content(name, str(image["Id"]))


def _in_content_store(image: Raw) -> bool:
    """Whether the engine has its images in containerd's store, where their digests are their IDs."""
    return any(entry.endswith(f"@{image['Id']}") for entry in image.get("RepoDigests") or ())


def _reference(spec: Raw) -> str:
    """The image that a service spec names, if any."""
    return str(spec.get("TaskTemplate", {}).get("ContainerSpec", {}).get("Image", ""))


UNRESOLVED = (
    "image {0} could not be accessed on a registry to record\nits digest. Each node will access {0} "
    "independently,\npossibly leading to different nodes running different\nversions of the image.\n"
)
_DIGESTED = re.compile(r"@|^(sha256:)?[0-9a-f]{64}$")


async def resolved(call: Call, spec: Raw) -> tuple[Raw, list[str]]:
    """A service spec with its image's digest, and a warning where there is none to find.

    Clients that speak 1.30 or newer have asked for the digest themselves. An image that only this node has is
    pinned to its content (`content_of`), and worth no warning.
    """
    reference = _reference(spec)
    if call.at_least("1.30") or not reference or _DIGESTED.search(reference):
        return spec, []
    image = await inspect(call, reference)
    if image is not None and not image.get("RepoDigests"):
        return spec, []
    digest = await _digest(call, reference) or digest_of(image or {}, reference)
    if not digest:
        return spec, [UNRESOLVED.format(reference)]
    template = spec["TaskTemplate"]
    container = {**template["ContainerSpec"], "Image": f"{reference}@{digest}"}
    return {**spec, "TaskTemplate": {**template, "ContainerSpec": container}}, []


async def _digest(call: Call, reference: str) -> str:
    """What the registry says, with the client's credentials; empty where it says nothing."""
    headers = {"X-Registry-Auth": call.auth} if call.auth else {}
    target = f"/distribution/{quote(reference, safe='/:@')}/json"
    try:
        response = await call.upstream.request("GET", target, None, headers)
    except EngineUnreachable:
        return ""
    return str(response.json["Descriptor"]["digest"]) if response.status == 200 else ""


def digest_of(image: Raw, reference: str) -> str:
    """The digest under which a repository had the image, empty where it was pulled from another one."""
    repository = reference.partition("@")[0]
    before, colon, tag = repository.rpartition(":")
    repository = before if colon and "/" not in tag else repository
    for entry in image.get("RepoDigests") or ():
        name, _, digest = entry.partition("@")
        if name in (repository, repository.removeprefix("docker.io/").removeprefix("library/")):
            return str(digest)
    return ""


async def inspect(call: Call, reference: str) -> Raw | None:
    """An image of the engine's, or None where it has none of that name."""
    try:
        response = await call.ask("GET", f"/images/{quote(reference, safe='/:@')}/json")
    except EngineUnreachable:
        return None
    image: Raw | None = response.json if response.status == 200 else None
    return image
