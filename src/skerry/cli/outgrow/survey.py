"""What is there about the images of the services that move: at home, in registries, on the nodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from skerry.cli.client import DockerClient, Refused, Unreachable
from skerry.cli.outgrow.cluster_nodes import RemoteSwarm, Unsuitable
from skerry.cli.outgrow.image import Image, content, in_registry, suits, without_digest
from skerry.model.objects import Raw


def survey(home: DockerClient, cluster: RemoteSwarm, names: Iterable[str], registry: str) -> dict[str, Image]:
    """Every image by its name. Raises Unreachable where home or the manager is."""
    return {name: _image(home, cluster, name, registry) for name in names}


def _image(home: DockerClient, cluster: RemoteSwarm, name: str, registry: str) -> Image:
    """Where an image comes from: a registry that the swarm reads too, the registry that the user named, or
    this engine, from which the nodes that lack it get a copy."""
    inspected = home.find(f"/images/{name}/json")
    check = ((inspected or {}).get("Config") or {}).get("Healthcheck")
    image = Image(name, name, without_digest(name), check=check)
    digest = _registry_digest(cluster.manager, name)
    if digest:
        return replace(image, notes=_other_in_registry(name, digest, inspected))
    if inspected is None:
        sentence = f"image {name} is in no registry that {cluster.manager.name} can read, and not here either"
        return replace(image, conflicts=(sentence,))
    tagged = home.find(f"/images/{image.tag}/json") if image.tag else None
    if (tagged or {}).get("Id") != inspected["Id"]:
        sentence = (
            f"image {name} is only known by its digest here, so it can't be copied: give it a tag first"
        )
        return replace(image, conflicts=(sentence,))
    image = replace(image, content=content(inspected), bytes=inspected.get("Size", 0))
    if registry:
        target = in_registry(registry, image.tag)
        present = bool(_registry_digest(cluster.manager, target))
        return replace(image, target=target, push=True, present=present)
    return _on_nodes(replace(image, target=image.tag), inspected, cluster)


def _on_nodes(image: Image, inspected: Raw, cluster: RemoteSwarm) -> Image:
    """Which nodes lack it. One that is down is only mentioned; one without a way is a conflict."""
    lacking, conflicts, notes = [], [], list(_copied(image, inspected))
    for node, described in cluster.nodes.items():
        state = described["Status"]["State"]
        if state != "ready":
            notes.append(f"node {node} is {state}: move again when it is back, for {image.tag}")
            continue
        try:
            lacking += [node] if _lacks(cluster, node, image, inspected) else []
        except Unsuitable as error:
            conflicts.append(f"image {image.tag}: {error}")
        except (Unreachable, Refused) as error:
            conflicts.append(f"image {image.tag} can't be moved to node {node}: {error}")
    return replace(image, lacking=tuple(lacking), conflicts=tuple(conflicts), notes=tuple(notes))


def _lacks(cluster: RemoteSwarm, node: str, image: Image, inspected: Raw) -> bool:
    machine = cluster.nodes[node]["Description"].get("Platform", {}).get("Architecture", "")
    if not suits(inspected, machine):
        raise Unsuitable(f"it is for {inspected['Architecture']}, and node {node} is {machine}")
    held = cluster.engine(node).find(f"/images/{image.tag}/json")
    return held is None or content(held) != image.content


def _registry_digest(manager: DockerClient, name: str) -> str:
    """The digest that a registry has for a name, as the swarm's manager sees it; empty where none has it."""
    try:
        return str(manager.get(f"/distribution/{name}/json")["Descriptor"]["digest"])
    except (Refused, Unreachable):  # a manager that is gone is noticed by the next question
        return ""


def _other_in_registry(name: str, digest: str, inspected: Raw | None) -> tuple[str, ...]:
    digests = (inspected or {}).get("RepoDigests") or []
    if inspected is None or any(entry.endswith(f"@{digest}") for entry in digests):
        return ()
    return (
        f"image {name}: a registry has other content under this name than runs here; nodes will pull that",
    )


def _copied(image: Image, inspected: Raw) -> tuple[str, ...]:
    """What a copy means for the user."""
    why = "is in no registry"
    if inspected.get("RepoDigests"):
        why = "came from a registry that can't be read from there (no way, or no password)"
    digest = "" if image.name == image.tag else f" as {image.tag}, without its digest"
    return (
        f"image {image.tag} {why}: it is copied to each node{digest}; a node that joins later lacks it, "
        "and what is built anew under this name gets there by another move",
    )
