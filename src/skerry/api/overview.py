"""The parts of `skerry status` that look at the whole: the node, the stacks, and what needs somebody."""

from __future__ import annotations

from collections.abc import Sequence

from skerry.core.naming import stack_of
from skerry.core.view import View
from skerry.core.why.answer import Scene, of_service
from skerry.core.why.words import size
from skerry.model.defaults import SECOND
from skerry.model.objects import Raw

NEARLY_FULL = 0.05
"""Where less of the disk than this share is free, that is said."""


def node(view: View) -> Raw:
    """This machine as the swarm knows it; empty where it is in none."""
    here = view.node
    if here is None:
        return {}
    resources = here.description.get("Resources") or {}
    return {
        "hostname": here.hostname,
        "availability": here.availability,
        "cpus": resources.get("NanoCPUs", 0) / SECOND,
        "memory": resources.get("MemoryBytes", 0),
        "tasks": sum(task.placed for task in view.tasks.values()),
    }


def stacks(view: View, services: Sequence[Raw]) -> list[Raw]:
    """Each stack with how many of its services are well."""
    of = {service.name: stack_of(service.spec.typed.labels) for service in view.services.values()}
    members: dict[str, list[Raw]] = {}
    for service in services:
        if of.get(service["name"]):
            members.setdefault(of[service["name"]], []).append(service)
    return [
        {"name": name, "services": len(rows), "well": sum(map(is_well, rows))}
        for name, rows in sorted(members.items())
    ]


def is_well(service: Raw) -> bool:
    """Whether a service has its tasks, and no update of it is paused; or is stopped."""
    if service["stopped"]:
        return True
    enough = service["running"] + service["completed"] >= service["desired"]
    return bool((service["job"] or enough) and "paused" not in service["update"])


def attention(scene: Scene, about: Raw, services: Sequence[Raw]) -> list[Raw]:
    """What needs somebody: in words, and what to type next. The most urgent first."""
    needs = [need for key in ("disk", "engine_disk") for need in _of_disk(about.get(key) or {})]
    if scene.view.locked:
        needs.append(_need("swarm", "it is locked: nothing is decided", "docker swarm unlock"))
    here = scene.view.node
    if here is not None and here.availability != "active":
        command = f"docker node update --availability active {here.hostname}"
        needs.append(_need(here.hostname, f"the node takes no new tasks: {here.availability}", command))
    ill = {service["name"] for service in services if not is_well(service)}
    for service in sorted(scene.view.services.values(), key=lambda service: service.name):
        if service.name in ill:
            causes = [cause for cause in of_service(scene, service).causes if not cause.past and cause.of]
            sentence = causes[0].sentence if causes else "it has not all of its tasks"
            needs.append(_need(service.name, sentence, f"skerry why {service.name}"))
    return needs


def _of_disk(disk: Raw) -> list[Raw]:
    if not disk.get("total") or disk["free"] >= NEARLY_FULL * disk["total"]:
        return []
    sentence = f"the disk is nearly full: {size(disk['free'])} of {size(disk['total'])} are free"
    return [_need(disk["path"], sentence, "skerry prune")]


def _need(of: str, sentence: str, command: str) -> Raw:
    return {"of": of, "sentence": sentence, "command": command}
