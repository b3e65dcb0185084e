"""One stack of a backup, into a running skerry: by the calls of Docker's API that everybody has."""

from __future__ import annotations

import json
from pathlib import Path

from skerry.archive.manifest import Manifest
from skerry.cli.backup.content import NotRestored, load_images, make_volumes, refuse_taken
from skerry.cli.client import DockerClient
from skerry.model.objects import Raw


def restore_stack(
    client: DockerClient, manifest: Manifest, objects: Raw, folder: Path, stack: str
) -> list[str]:
    """Make everything of a stack; notes on what could not be as it was. Raises NotRestored, Refused,
    Unreachable; what was made until then stays."""
    if not objects["services"]:
        there = ", ".join(manifest.stacks) or "none"
        raise NotRestored(f"there is no stack {stack} in this backup; there are: {there}")
    volumes = [volume for volume in manifest.volumes if stack in volume.stacks]
    _refuse_services(client, objects)
    refuse_taken(client, volumes)
    kept = _shared(client, objects)
    for network in _missing(client, "networks", objects):
        client.post("/networks/create", {**network, "CheckDuplicate": True})
    ids = {kind: _files(client, kind, objects) for kind in ("configs", "secrets")}
    load_images(client, manifest, folder)
    notes = make_volumes(client, volumes, folder)
    for service in objects["services"]:
        headers = {"X-Registry-Auth": service["auth"]} if service["auth"] else {}
        client.post("/services/create", _with_ids(service["spec"], ids), headers)
    return kept + notes


def _refuse_services(client: DockerClient, objects: Raw) -> None:
    for service in objects["services"]:
        name = service["spec"]["Name"]
        if client.find(f"/services/{name}") is not None:
            raise NotRestored(
                f"the service {name} is there already: remove the stack first (docker stack rm); "
                "nothing was restored"
            )


def _shared(client: DockerClient, objects: Raw) -> list[str]:
    """What is there already and stays, in words. Raises NotRestored where a config has another content."""
    notes = []
    for kind in ("networks", "configs", "secrets"):
        missing = [body["Name"] for body in _missing(client, kind, objects)]
        for body in objects[kind]:
            name = body["Name"]
            if name in missing:
                continue
            there = client.get(f"/{kind}/{name}") if kind == "configs" else {}
            if kind == "configs" and there["Spec"].get("Data", "") != body.get("Data", ""):
                raise NotRestored(
                    f"the config {name} is there with another content, and Swarm can't change one: remove it "
                    "first; nothing was restored"
                )
            notes.append(f"the {kind[:-1]} {name} is there already: it is used as it is")
    return notes


def _missing(client: DockerClient, kind: str, objects: Raw) -> list[Raw]:
    return [body for body in objects[kind] if client.find(f"/{kind}/{body['Name']}") is None]


def _files(client: DockerClient, kind: str, objects: Raw) -> dict[str, str]:
    """Make the configs or secrets that are missing; the IDs of all, by name."""
    for body in _missing(client, kind, objects):
        client.post(f"/{kind}/create", body)
    return {body["Name"]: client.get(f"/{kind}/{body['Name']}")["ID"] for body in objects[kind]}


def _with_ids(spec: Raw, ids: dict[str, dict[str, str]]) -> Raw:
    """The spec with the IDs that its configs and secrets have here."""
    copy: Raw = json.loads(json.dumps(spec))
    container = copy["TaskTemplate"]["ContainerSpec"]
    for kind, word in (("configs", "Config"), ("secrets", "Secret")):
        for reference in container.get(f"{word}s") or []:
            reference[f"{word}ID"] = ids[kind][reference[f"{word}Name"]]
    return copy
