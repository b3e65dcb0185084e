"""Images of a stack, pinned to the digests that their tags have now, as `docker stack deploy` does."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from skerry.cli.client import DockerClient, Refused, Unreachable
from skerry.cli.compose.stack_request import StackRequest
from skerry.cli.deploy import credentials
from skerry.model.image_name import key_of
from skerry.model.objects import Raw

ASKED = ("", "always")
"""Pull policies with which the registry is asked; nothing said is Swarm's own way."""


def pin(api: DockerClient, stack: StackRequest, auths: Mapping[str, Raw]) -> None:
    """Write the digests into the specs; `auths` are credentials by registry. What is unknown stays as it is:
    the daemon says at the task that it is nowhere. A local image is named by its ID, by which the daemon
    tells a rebuilt one."""
    digests: dict[tuple[str, bool], str] = {}
    for spec in stack.body["Services"]:
        container = spec["TaskTemplate"]["ContainerSpec"]
        image = container["Image"]
        wanted = (image, stack.pulls.get(spec["Name"], "") in ASKED)
        if "@" in image:
            continue
        if wanted not in digests:
            digests[wanted] = (
                _of_registry(api, image, auths.get(key_of(image))) if wanted[1] else _of_engine(api, image)
            )
        if digest := digests[wanted]:
            container["Image"] = f"{_tagged(image)}@{digest}"


def _of_registry(api: DockerClient, image: str, auth: Raw | None) -> str:
    """What skerry says after asking the registry, or of an image that only this machine has."""
    headers = {"X-Registry-Auth": credentials.header(auth)} if auth is not None else {}
    try:
        answer: Raw = api.get_with(f"/distribution/{_quoted(image)}/json", headers)
    except (Refused, Unreachable):  # a registry may let one wait for longer than the client does
        return ""
    return str((answer.get("Descriptor") or {}).get("digest") or "")


def _of_engine(api: DockerClient, image: str) -> str:
    """What the machine has of that name, whatever a registry may have by now."""
    local: Raw | None = api.find(f"/images/{_quoted(image)}/json")
    if local is None:
        return ""
    digests = [entry.partition("@")[2] for entry in local.get("RepoDigests") or []]
    return str((digests or [local["Id"]])[0])


def _quoted(image: str) -> str:
    return quote(image, safe="/:")


def _tagged(image: str) -> str:
    return image if ":" in image.rpartition("/")[2] else f"{image}:latest"
