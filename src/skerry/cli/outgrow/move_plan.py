"""What is to be done so that a swarm has what skerry has: pure, from what is on both sides."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from skerry.cli.outgrow import cluster_services, normal
from skerry.cli.outgrow.compose import asked_options, asked_subnets
from skerry.cli.outgrow.image import Image
from skerry.cli.outgrow.snapshot import Snapshot
from skerry.model.labels import MOVED, STOPPED
from skerry.model.objects import Raw

SWITCHES = ("Attachable", "Internal", "EnableIPv6")
"""What a network is or is not."""


@dataclass(frozen=True)
class MoveStep:
    """One thing to do. `verb` and `kind` tell what, e.g. `create network`; `body` is what the API gets."""

    verb: str
    kind: str
    name: str
    body: Raw = field(default_factory=dict)
    where: str = ""
    """The node that an image is loaded on, or the name that it is pushed by."""
    bytes: int = 0
    current: Raw = field(default_factory=dict)
    """For `update service`: what is there now."""

    def __str__(self) -> str:
        where = f" on {self.where}" if self.verb == "load" else f" as {self.where}" if self.where else ""
        size = f" ({self.bytes / 1e6:.0f} MB)" if self.bytes else ""
        return f"{self.verb} {self.kind} {self.name}{where}{size}"


@dataclass
class MovePlan:
    """Steps in their order. Where there is a conflict, nothing is done."""

    steps: list[MoveStep] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    """Those that have to converge there in the end."""


@dataclass(frozen=True)
class TargetSwarm:
    """What matters of the swarm to move to."""

    snapshot: Snapshot
    api: tuple[int, int]
    local_networks: Collection[str] = ()
    """Names of networks there that are no swarm networks."""


def moving(source: Snapshot) -> dict[str, Raw]:
    """Specs of the services that move, which are those not stopped here; the published ones last."""
    specs = {name: row["Spec"] for name, row in source.services.items()}
    left = {name: spec for name, spec in specs.items() if STOPPED not in (spec.get("Labels") or {})}
    return dict(sorted(left.items(), key=lambda item: (_published(item[1]), item[0])))


def image_of(spec: Raw) -> str:
    """The image that a service names."""
    return str(spec["TaskTemplate"]["ContainerSpec"]["Image"])


def make(source: Snapshot, target: TargetSwarm, images: Mapping[str, Image]) -> MovePlan:
    """The whole plan. `images` has every image that a service of the source names."""
    specs = moving(source)
    plan = MovePlan(services=list(specs))
    for name in sorted(set(source.services) - set(specs)):
        plan.notes.append(f"service {name} was stopped here by --stop-source: left alone")
    services = {
        name: _service(plan, name, spec, target, images[image_of(spec)]) for name, spec in specs.items()
    }
    changing = {image_of(specs[name]) for name, step in services.items() if step is not None}
    plan.steps += _networks(plan, source, target)
    plan.steps += _files(plan, "config", source.configs, target.snapshot.configs)
    plan.steps += _files(plan, "secret", source.secrets, target.snapshot.secrets)
    for name in sorted({image_of(spec) for spec in specs.values()}):
        plan.steps += _image(plan, images[name], name in changing)
    plan.steps += [step for step in services.values() if step is not None]
    _say_differences(plan, specs, target.api, images)
    return plan


def _networks(plan: MovePlan, source: Snapshot, target: TargetSwarm) -> Iterator[MoveStep]:
    """Steps that make the networks; one that is there and differs is a conflict, as services may be on it."""
    for name, network in source.networks.items():
        body: Raw = {
            "Name": name,
            "Driver": "overlay",
            "CheckDuplicate": True,
            "Attachable": bool(network.get("Attachable")),
            "Internal": bool(network.get("Internal")),
            "EnableIPv6": bool(network.get("EnableIPv6")),
            "Options": asked_options(network),
            "Labels": network.get("Labels") or {},
        }
        subnets = asked_subnets(network)
        if subnets:
            body["IPAM"] = {"Driver": "default", "Config": [{"Subnet": subnet} for subnet in subnets]}
        current = target.snapshot.networks.get(name)
        if current is None and name in target.local_networks:
            plan.conflicts.append(f"network {name} is there, but not for the whole swarm: remove it there")
        elif current is None:
            yield MoveStep("create", "network", name, body)
        else:
            differing = [word for word in SWITCHES if bool(current.get(word)) != body[word]]
            differing += ["Subnet"] if subnets and subnets != asked_subnets(current) else []
            differing += ["Options"] if asked_options(current) != body["Options"] else []
            if differing:
                other = ", ".join(differing)
                plan.conflicts.append(
                    f"network {name} is there with other settings ({other}): remove it there"
                )


def _files(
    plan: MovePlan, kind: str, source: Mapping[str, Raw], target: Mapping[str, Raw]
) -> Iterator[MoveStep]:
    """Configs or secrets. Swarm can't change one, and tells the content of a config only."""
    for name, row in source.items():
        spec = row["Spec"]
        current = target.get(name)
        if current is None:
            mark: Raw = {MOVED: row["ID"]} if kind == "secret" else {}
            yield MoveStep("create", kind, name, {**spec, "Labels": {**(spec.get("Labels") or {}), **mark}})
        elif kind == "config":
            if current["Spec"].get("Data") != spec.get("Data"):
                plan.conflicts.append(_other_content(kind, name))
        elif (origin := (current["Spec"].get("Labels") or {}).get(MOVED)) is None:
            plan.notes.append(
                f"secret {name} is there already: it is left as it is, as nobody can compare contents"
            )
        elif origin != row["ID"]:
            plan.conflicts.append(_other_content(kind, name))


def _other_content(kind: str, name: str) -> str:
    return (
        f"{kind} {name} is there with other content, and Swarm can't change a {kind}: "
        f"remove it there (docker {kind} rm {name}), or give the new content a new name"
    )


def _image(plan: MovePlan, image: Image, changing: bool) -> Iterator[MoveStep]:
    plan.conflicts += image.conflicts
    plan.notes += image.notes
    if image.push and (changing or not image.present):
        yield MoveStep("push", "image", image.tag, where=image.target, bytes=image.bytes)
    for node in image.lacking:
        yield MoveStep("load", "image", image.tag, where=node, bytes=image.bytes)


def _service(plan: MovePlan, name: str, spec: Raw, target: TargetSwarm, image: Image) -> MoveStep | None:
    """The step for one service, if any. What is moved carries a mark, by which a later move knows whether it
    is still as it was moved, and may be updated; what was changed on both sides is a conflict."""
    body = cluster_services.for_swarm(spec, image.target, target.api, image.check)
    meant = normal.digest(normal.service(body))
    mark = f"{meant}.{image.content or '-'}"
    body["Labels"] = {**(body.get("Labels") or {}), MOVED: mark}
    current = target.snapshot.services.get(name)
    if current is None:
        return MoveStep("create", "service", name, body)
    present = normal.digest(normal.service(current["Spec"]))
    last, before = _mark(current["Spec"]), _mark(current.get("PreviousSpec"))
    moved, _, content = last.partition(".")
    if mark in (last, before):  # it has not changed here since it was moved
        if present != meant:
            plan.notes.append(f"service {name} was changed there since it was moved: left as it is")
        return None
    if present == meant:  # and then only what its image is may be another
        rebuilt = content != (image.content or "-") if moved == meant else bool(image.lacking)
        return _update(name, body, current, new_content=True) if last and rebuilt else None
    if present == moved:
        return _update(name, body, current, new_content=content != mark.partition(".")[2])
    plan.conflicts.append(
        f"service {name} is there, but neither as it was moved nor as it is here: make the two equal, "
        f"remove the one there (docker service rm {name}), or rename one"
    )
    return None


def _mark(spec: Raw | None) -> str:
    return str(((spec or {}).get("Labels") or {}).get(MOVED, ""))


def _update(name: str, body: Raw, current: Raw, *, new_content: bool) -> MoveStep:
    """The tag of an image may be the old one: then only force makes Swarm take what is in it now."""
    forced = current["Spec"]["TaskTemplate"].get("ForceUpdate", 0)
    template = {**body["TaskTemplate"], "ForceUpdate": forced + new_content}
    return MoveStep("update", "service", name, {**body, "TaskTemplate": template}, current=current)


def _published(spec: Raw) -> bool:
    return bool((spec.get("EndpointSpec") or {}).get("Ports"))


def _say_differences(
    plan: MovePlan, specs: Mapping[str, Raw], api: tuple[int, int], images: Mapping[str, Image]
) -> None:
    for name, spec in specs.items():
        differences = cluster_services.differences(spec, api, images[image_of(spec)].check)
        plan.notes += [f"{name}: {sentence}" for sentence in differences]
    if any(_published(spec) or spec["TaskTemplate"].get("Networks") for spec in specs.values()):
        plan.notes += cluster_services.GENERAL
