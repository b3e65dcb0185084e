"""Stacks: all of one is deployed in one transaction, as a numbered release, or nothing is.

Whatever a call of its own would check about a network, a config, a secret or a service is checked by the same
functions here. A plan is the same transaction, not written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from skerry.control import access, files, history, networks, services, stopping, validate
from skerry.control.convert import service_spec
from skerry.control.faults import Faults
from skerry.control.images import Content, pinned, reference_of, stays
from skerry.control.names import check_name
from skerry.control.registries import NO_CREDENTIALS, Credentials
from skerry.control.stack_files import KINDS, StackFiles
from skerry.core import depends, stack_plan
from skerry.core.parts import stack_of
from skerry.core.standing import standing
from skerry.core.view import View
from skerry.model import labels
from skerry.model.errors import Conflict, InvalidParameter, NotFound
from skerry.model.objects import Network, Raw, Service
from skerry.model.releases import (
    NEW,
    REMOVED,
    ROLLED,
    SUPERSEDED,
    UNCHANGED,
    UNDER_WAY,
    Made,
    Outcome,
    Release,
    ReleasedNetwork,
    ReleasedService,
    release_id,
)
from skerry.model.spec import Spec
from skerry.model.specs import ServiceSpec
from skerry.store.store import Tx


@dataclass(frozen=True)
class Wanted:
    """A stack as somebody asks for it. `body` is a checked `skerry.Stack`."""

    stack: str
    body: Raw
    by: str = ""
    credentials: Credentials = NO_CREDENTIALS
    atomic: bool = True
    prune: bool = False
    again: Release | None = None
    """The release whose content it is, exactly as that had it."""


@dataclass
class Circumstances:
    """What the engine and the machine know, and the store does not."""

    local: frozenset[str] = frozenset()
    """Names and IDs of the engine's own networks."""
    around: networks.Surroundings = field(default_factory=networks.Surroundings)
    contents: Mapping[str, Content | None] = field(default_factory=dict)
    """What images mean on this node, by reference."""
    missing: set[str] = field(default_factory=set)
    """Those of which it would have to be known."""


@dataclass(frozen=True)
class Deployed:
    """What came of it."""

    number: int
    changed: bool
    plan: Raw
    warnings: list[str]
    renews: bool = False
    """Whether a service that stays as it is has other credentials from now on."""


def deploy(tx: Tx, wanted: Wanted, known: Circumstances) -> Deployed:
    """Write a stack and its release. Raises InvalidParameter or Conflict, with a line for each thing that is
    wrong; then nothing is to be written."""
    access.require_swarm(tx.view)
    return _Deployment(tx, wanted, known).run()


class _Deployment:
    """One call, within its transaction."""

    def __init__(self, tx: Tx, wanted: Wanted, known: Circumstances) -> None:
        self._tx, self._wanted, self._known = tx, wanted, known
        self._before = tx.view
        self._last = tx.view.release_of(wanted.stack)
        self._faults = Faults()
        self._made: list[Made] = []
        self._services: list[Service] = []
        self._files = StackFiles(tx, wanted.by, self._faults)
        self._rolled: set[str] = set()
        self._warnings: list[str] = []

    def run(self) -> Deployed:
        """All of it: what services need first, then these, in their order, then the release."""
        bodies = self._bodies()
        removed = self._removed(bodies.keys()) if self._wanted.prune else []
        if not self._wanted.atomic:
            for service in removed:
                services.forget_all(self._tx, service)
        self._put_networks()
        self._put_files()
        self._faults.check()
        keys = self._files.keys()
        order = depends.in_order(self._wanted.stack, {name: _labels(body) for name, body in bodies.items()})
        for name in order:
            with self._faults.of(f"service {name}"):
                self._put_service(bodies[name], keys)
        self._faults.check()
        self._check_order(removed)
        others = self._files.roll_others({service.id for service in (*self._services, *removed)})
        plan = stack_plan.plan(
            self._before, self._tx.view, [*self._services, *others], removed, self._names()
        )
        changed = bool(self._tx.changes() or removed)
        number = self._last.number if self._last is not None else 0
        if changed:
            number += 1
            self._put_release(number, plan, removed)
        self._files.forget()
        return Deployed(number, changed, plan, self._warnings, self._renew())

    def _renew(self) -> bool:
        """Have the services that stay as they are keep the credentials of this call; whether any are new."""
        renewed = [services.renew(self._tx, row, self._auth_of(row.spec.raw)) for row in self._services]
        return any(renewed)

    def _auth_of(self, spec: Raw) -> str:
        return self._wanted.credentials.of(reference_of(spec))

    # ---- networks, configs, secrets

    def _put_networks(self) -> None:
        there = {network.name for network in networks.living(self._before)}
        for body in self._wanted.body.get("Networks", []):
            name = body.get("Name", "")
            if name not in there:
                with self._faults.of(f"network {name}"):
                    if name in self._known.local:
                        raise Conflict(f"network with name {name} already exists")
                    network = networks.add_checked(self._tx, body, self._known.around)
                    self._made.append(Made("network", network.id, name))

    def _put_files(self) -> None:
        for kind in KINDS:
            self._files.put(kind, self._wanted.body.get(f"{kind.capitalize()}s", []))
        if self._wanted.again is not None:
            self._files.bring_back(self._wanted.again)

    # ---- services

    def _bodies(self) -> dict[str, Raw]:
        """The services that are asked for, by name. Raises InvalidParameter for what is not of this stack."""
        stack = self._wanted.stack
        check_name(stack)
        bodies: dict[str, Raw] = {}
        for body in self._wanted.body.get("Services", []):
            name = body.get("Name", "")
            if not name.startswith(f"{stack}_") or _labels(body).get(labels.STACK) != stack:
                raise InvalidParameter(
                    f"service {name}: it is not of the stack {stack}: its name begins with {stack}_, and its "
                    f"label {labels.STACK} is {stack}"
                )
            if name in bodies:
                raise InvalidParameter(f"service {name}: it is there twice")
            bodies[name] = body
        return bodies

    def _removed(self, names: Iterable[str]) -> list[Service]:
        kept = set(names)
        stack = self._wanted.stack
        members = (service for service in self._before.services.values() if stack_of(service) == stack)
        return sorted((service for service in members if service.name not in kept), key=_name)

    def _put_service(self, body: Raw, keys: Mapping[str, Mapping[str, str]]) -> None:
        """Write one service, unless it is as it was."""
        old = self._tx.view.service_named(body["Name"])
        raw = self._as_it_was(body) if self._wanted.again is not None else self._converted(body, old, keys)
        auth = self._auth_of(raw)
        if old is not None and raw == old.spec.raw:
            service = old
        else:
            spec = Spec(ServiceSpec, raw)
            service = (
                services.add(self._tx, spec, auth, self._wanted.by)
                if old is None
                else services.change(self._tx, old, spec, auth, self._wanted.by)
            )
            self._warnings += services.warnings_of(spec.typed)
        if service.stopped is not None:
            service = stopping.start_alone(self._tx, service)
        self._services.append(service)
        if stack_plan.action_of(self._before.services.get(service.id), service) == ROLLED:
            self._rolled.add(service.name)

    def _converted(self, body: Raw, old: Service | None, keys: Mapping[str, Mapping[str, str]]) -> Raw:
        """The spec that is stored for what a client sent."""
        spec = service_spec(self._tx.view, _with_keys(body, keys), self._known.local)
        before = old.spec.raw if old is not None else None
        if before is not None:
            force = spec["TaskTemplate"]["ForceUpdate"] or before["TaskTemplate"].get("ForceUpdate", 0)
            spec["TaskTemplate"] = {**spec["TaskTemplate"], "ForceUpdate": force}
        if before is not None and stays(spec, before):
            final = pinned(spec, None, before)
            return _forced(final) if self._restarts(body) else final
        return pinned(spec, self._content(reference_of(spec)), before)

    def _restarts(self, body: Raw) -> bool:
        """Whether a service that stays as it is is restarted with one that is rolled."""
        return any(
            dependency.restart and depends.whole_name(self._wanted.stack, dependency) in self._rolled
            for dependency in depends.dependencies_in(_labels(body).get(labels.DEPENDS_ON, ""))
        )

    def _content(self, reference: str) -> Content | None:
        if reference not in self._known.contents:
            self._known.missing.add(reference)
        return self._known.contents.get(reference)

    def _as_it_was(self, spec: Raw) -> Raw:
        """A spec of an earlier release, on the networks that have the names of its own by now."""
        assert self._wanted.again is not None
        view = self._tx.view
        living = {network.name: network.id for network in networks.living(view)}
        moved = {
            network.id: living[network.spec["Name"]]
            for network in self._wanted.again.networks
            if network.spec["Name"] in living
        }
        template = spec["TaskTemplate"]
        if not template.get("Networks"):
            return spec
        targets = [
            {**network, "Target": moved.get(network["Target"], network["Target"])}
            for network in template["Networks"]
        ]
        return {**spec, "TaskTemplate": {**template, "Networks": targets}}

    def _check_order(self, removed: Iterable[Service]) -> None:
        """Nobody waits for itself, for nobody, or for what goes."""
        gone = {service.id for service in removed}
        for service in self._services:
            with self._faults.of(f"service {service.name}"):
                validate.check_order(self._tx.view, service, complete=True)
                for dependency, target in depends.needed(self._tx.view, service):
                    if target is not None and target.id in gone and dependency.required:
                        raise InvalidParameter(f"it depends on {target.name}, which this release removes")
        self._faults.check()

    # ---- the release

    def _put_release(self, number: int, plan: Raw, removed: list[Service]) -> None:
        """Write the release. One that is under way is superseded, and what it made and rolled is answered for
        by this one; those beyond the last few are forgotten."""
        wanted, tx, last = self._wanted, self._tx, self._last
        made = [*self._made, *self._files.made]
        parts = {}
        if last is not None and last.outcome.state in UNDER_WAY:
            made += last.made
            parts = {part.id: part for part in last.services if part.action != UNCHANGED}
            words = f"release {number} took its place"
            tx.put(replace(last, outcome=Outcome(SUPERSEDED, words, ended_at=tx.now)))
        source = wanted.body.get("Source", {})
        names = self._names()
        tx.put(
            Release(
                id=release_id(wanted.stack, number),
                stack=wanted.stack,
                number=number,
                services=(
                    *(self._part(service, parts.get(service.id)) for service in self._services),
                    *(_part_of_removed(service) for service in removed),
                ),
                networks=tuple(self._released_networks()),
                configs=names.configs,
                secrets=names.secrets,
                volumes=names.volumes,
                made=tuple(made),
                by=wanted.by,
                origin=source.get("Origin", ""),
                text=source.get("Text", ""),
                message=wanted.body.get("Message", ""),
                restores=wanted.again.number if wanted.again is not None else 0,
                atomic=wanted.atomic,
                plan=plan,
                registry_auth=wanted.credentials.auth,
                registry_config=wanted.credentials.config,
            )
        )
        history.trim_releases(tx, wanted.stack, self._services)

    def _part(self, service: Service, earlier: ReleasedService | None) -> ReleasedService:
        """A service of the release. What a release that is superseded has changed about it goes on in this
        one, which returns to what was before both."""
        old = self._before.services.get(service.id)
        action = stack_plan.action_of(old, service)
        part = ReleasedService(
            service.id,
            service.name,
            service.spec.raw,
            action,
            service.spec_version,
            old.revision if old is not None else 0,
            old.job_iteration if old is not None else 0,
            old.stopped if old is not None else None,
            old is not None and old.is_job and not standing(self._before, old).full,
        )
        if earlier is None or old is None or old.spec_version != earlier.spec_version:
            return part
        whole = next(word for word in (NEW, ROLLED, earlier.action) if word in (earlier.action, action))
        return replace(
            part,
            action=whole,
            before=earlier.before,
            iteration_before=earlier.iteration_before,
            stopped=earlier.stopped,
            unfinished=earlier.unfinished,
        )

    def _released_networks(self) -> Iterable[ReleasedNetwork]:
        living: dict[str, Network] = {network.name: network for network in networks.living(self._tx.view)}
        for body in self._wanted.body.get("Networks", []):
            yield ReleasedNetwork(living[body["Name"]].id, body)

    def _names(self) -> stack_plan.Names:
        body, again = self._wanted.body, self._wanted.again
        return stack_plan.Names(
            networks=_names_in(body, "Networks"),
            configs=again.configs if again is not None else _names_in(body, "Configs"),
            secrets=again.secrets if again is not None else _names_in(body, "Secrets"),
            volumes=_names_in(body, "Volumes"),
            known_volumes=self._last.volumes if self._last is not None else (),
        )


def _name(service: Service) -> str:
    return service.name


def _names_in(body: Raw, kind: str) -> tuple[str, ...]:
    return tuple(entry.get("Name", "") for entry in body.get(kind, []))


def _labels(body: Raw) -> Mapping[str, str]:
    return body.get("Labels") or {}


def _part_of_removed(service: Service) -> ReleasedService:
    return ReleasedService(
        service.id, service.name, service.spec.raw, REMOVED, service.spec_version, service.revision
    )


def _forced(spec: Raw) -> Raw:
    """A spec of which all tasks are replaced, and nothing else is changed."""
    template = spec["TaskTemplate"]
    return {**spec, "TaskTemplate": {**template, "ForceUpdate": template.get("ForceUpdate", 0) + 1}}


def _with_keys(body: Raw, keys: Mapping[str, Mapping[str, str]]) -> Raw:
    """A spec with the IDs of the configs and secrets that it names. Who has none is told by its name."""
    template = body.get("TaskTemplate", {})
    container = template.get("ContainerSpec", {})
    filled = {}
    for kind, known in keys.items():
        key, name = f"{kind}ID", f"{kind}Name"
        if references := container.get(f"{kind}s"):
            filled[f"{kind}s"] = [
                {
                    **reference,
                    key: reference.get(key) or known.get(reference.get(name, ""), reference.get(name, "")),
                }
                for reference in references
            ]
    if not filled:
        return body
    return {**body, "TaskTemplate": {**template, "ContainerSpec": {**container, **filled}}}


def again(release: Release, *, by: str, atomic: bool) -> Wanted:
    """What an earlier release asked for."""
    body: Raw = {
        "Services": [part.spec for part in release.services if part.action != REMOVED],
        "Networks": [network.spec for network in release.networks],
        "Volumes": [{"Name": name} for name in release.volumes],
        "Source": {"Text": release.text, "Origin": release.origin},
        "Message": f"rollback to release {release.number}",
    }
    credentials = Credentials(release.registry_auth, release.registry_config)
    return Wanted(release.stack, body, by, credentials, atomic, prune=True, again=release)


def find(view: View, stack: str, number: int) -> Release:
    """A release. Raises NotFound."""
    access.require_swarm(view)
    release = view.releases.get(release_id(stack, number))
    if release is None:
        kept = ", ".join(str(other.number) for other in view.releases_of(stack)) or "none"
        raise NotFound(f"there is no release {number} of the stack {stack}; kept are: {kept}")
    return release


def names(view: View) -> list[str]:
    """The stacks that there are."""
    access.require_swarm(view)
    stacks = {stack_of(service) for service in view.services.values()} | set(view.index.releases)
    return sorted(stacks - {""})


def services_of(view: View, stack: str) -> list[Service]:
    """The services of a stack by name. Raises NotFound where there is no such stack."""
    if stack not in names(view):
        raise NotFound(f"nothing found in stack: {stack}")
    return sorted((service for service in view.services.values() if stack_of(service) == stack), key=_name)


def remove(tx: Tx, stack: str) -> None:
    """Remove a stack: services, then networks, configs and secrets, and its releases. Raises RpcError where
    something else uses one of them; then nothing is to be written."""
    for service in services_of(tx.view, stack):
        services.forget_all(tx, service)
    for release in tx.view.releases_of(stack):
        tx.delete(release)
    faults = Faults()
    for network in networks_of(tx.view, stack):
        with faults.of(f"network {network.name}"):
            networks.take_away(tx, network)
    for kind, rows in (("config", tx.view.configs), ("secret", tx.view.secrets)):
        for file in rows.values():
            if (file.spec.get("Labels") or {}).get(labels.STACK) == stack:
                with faults.of(f"{kind} {file.name}"):
                    files.delete(tx, file, kind)
    faults.check()


def networks_of(view: View, stack: str) -> list[Network]:
    """The networks that carry the label of a stack."""
    return [network for network in networks.living(view) if network.labels.get(labels.STACK) == stack]
