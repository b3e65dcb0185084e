"""/distribution/{image}/json: what a registry says of an image, and what to say when no registry can.

The docker CLI asks before it creates or updates a service, warns when the answer is an error, and writes the
digest into the spec otherwise. An image that is on this node needs no registry: the answer is the digest
under which it was pulled, or for one that was built here its ID, by which `control.images` pins it.
"""

from __future__ import annotations

from aiohttp import web

from skerry.api.call import Call
from skerry.api.image_references import digest_of, inspect
from skerry.api.responses import json_response, relay
from skerry.api.route import Route, Table
from skerry.control.scope.endpoint_access import Deploy, of
from skerry.model.objects import Raw


async def distribution(call: Call) -> web.Response:
    """The registry's answer, or the node's own for an image that is here."""
    image = await inspect(call, call.ref)
    if image is not None and not image.get("RepoDigests"):
        return json_response(local(image, str(image["Id"])))  # asking a registry would only take time
    response = await call.forward()
    if response.status == 200 or image is None:
        return relay(response)
    return json_response(local(image, digest_of(image, call.ref)))


def local(image: Raw, digest: str) -> Raw:
    """A distribution answer for an image of this node, which has but one platform: the node's."""
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    return {
        "Descriptor": {"mediaType": kind, "digest": digest, "size": image.get("Size", 0)},
        "Platforms": [],
    }


ROUTES: Table = [
    Route("GET", "/distribution/{ref:.+}/json", distribution, access=of("image", Deploy.IMAGE)),
]
