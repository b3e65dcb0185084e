"""The one decision: may this user ask this of this endpoint? What is not allowed here is refused.

The table of endpoints says for each what a role may ask of it (`endpoint_access`). From that, the body and
the object that the path names follows a `Verdict`: why not, or the object that is meant, by its ID. Whoever
answers then takes that ID, so that nobody behind could read another name out of the path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from skerry.control.scope import object_rules
from skerry.control.scope.endpoint_access import Access, Deploy
from skerry.control.scope.image_patterns import allowed
from skerry.control.scope.role import Role
from skerry.control.scope.service_rules import EngineKnows, wrong_service
from skerry.control.scope.territory import find, is_named, is_own, may_join
from skerry.core import revisions
from skerry.core.view import View
from skerry.model.errors import InvalidParameter
from skerry.model.objects import Network, Raw, Service
from skerry.model.specs import CONTENT


@dataclass(frozen=True)
class Asked:
    """What is asked of an endpoint."""

    access: Access
    ref: str = ""
    """The name or ID in the path."""
    body: Raw | None = None
    """As its endpoint decodes it; None where it takes none."""
    rollback: bool = False
    """The service is to go back to its previous spec, whatever the body says."""
    services: tuple[str, ...] = ()
    """The services that a filter names."""


@dataclass(frozen=True)
class Verdict:
    """What comes of it."""

    reason: str = ""
    """Why not; empty where it may be done."""
    key: str = ""
    """The ID of the object that the path names, where the endpoint is about one."""
    missing: bool = False
    """It may be asked, and there is no such object."""


ALLOWED = Verdict()


def may_at_all(role: Role, access: Access) -> bool:
    """Whether a role may ask an endpoint anything, whatever it is about."""
    if role.kind == "admin":
        return True
    return access.read if role.kind == "read" else access.deploy is not Deploy.NOTHING


def decide(role: Role, asked: Asked, view: View, known: EngineKnows | None = None) -> Verdict:
    """The decision about one request."""
    if not may_at_all(role, asked.access):
        return Verdict(f"that is not for the role {role}")
    if role.kind != "deploy":
        return ALLOWED
    match asked.access.deploy:
        case Deploy.LIST:
            return _listed(role, asked, view)
        case Deploy.SEE:
            return _named(role, asked, view, joining=True)
        case Deploy.CREATE:
            return _first(_wrong(role, asked.access, view, asked.body or {}, known or EngineKnows()))
        case Deploy.CHANGE:
            return _changed(role, asked, view, known or EngineKnows())
        case Deploy.IMAGE:
            return ALLOWED if allowed(asked.ref, role.images) else Verdict(_no_image(role, asked.ref))
    return ALLOWED


def _no_image(role: Role, image: str) -> str:
    return f'the image "{image}" is none of {", ".join(role.images)}'


def _first(reasons: Iterable[str], verdict: Verdict = ALLOWED) -> Verdict:
    """The first reason why not, or the verdict where there is none."""
    reason = next(iter(reasons), "")
    return Verdict(reason) if reason else verdict


def _listed(role: Role, asked: Asked, view: View) -> Verdict:
    """A list is filtered afterwards; only a filter that asks whether a service is there is looked at."""
    for ref in asked.services:
        verdict = _object(role, "service", ref, view, joining=False)
        if verdict.reason:
            return verdict
    return ALLOWED


def _named(role: Role, asked: Asked, view: View, *, joining: bool) -> Verdict:
    return _object(role, asked.access.kind, asked.ref, view, joining=joining)


def _object(role: Role, kind: str, ref: str, view: View, *, joining: bool) -> Verdict:
    """The object that a client means, where it is the stack's, or with `joining` a network that the stack may
    join. Whether something is there that is not the stack's is not told."""
    if kind == "node":
        return ALLOWED
    refused = Verdict(f"the {kind} {ref} is not of the stack {role.stack}")
    try:
        obj = find(view, kind, ref)  # type: ignore[arg-type]
    except InvalidParameter:
        return refused
    if obj is None:
        return Verdict(missing=True) if is_named(role, view, ref) else refused
    if joining and isinstance(obj, Network) and may_join(role, view, obj):
        return Verdict(key=obj.id)
    return Verdict(key=obj.id) if is_own(role, view, obj) else refused


def _changed(role: Role, asked: Asked, view: View, known: EngineKnows) -> Verdict:
    verdict = _named(role, asked, view, joining=False)
    if verdict.reason or verdict.missing or asked.body is None:
        return verdict  # what takes no body removes it
    wrong = _wrong(role, asked.access, view, asked.body, known)
    service = view.services.get(verdict.key)
    if asked.rollback and service is not None:
        wrong = chain(wrong, _wrong_previous(role, view, service, known))
    return _first(wrong, verdict)


def _wrong_previous(role: Role, view: View, service: Service, known: EngineKnows) -> Iterator[str]:
    """What is wrong with the spec that a rollback goes to: an administrator may have written it."""
    previous = revisions.previous(view, service)
    if previous is not None:
        for reason in wrong_service(role, view, without_content(previous.spec.raw), known):
            yield f"of its previous spec, {reason}"


def without_content(spec: Raw) -> Raw:
    """A stored spec as clients see it."""
    template = spec.get("TaskTemplate", {})
    container = {key: value for key, value in template.get("ContainerSpec", {}).items() if key != CONTENT}
    return {**spec, "TaskTemplate": {**template, "ContainerSpec": container}}


_RULES: dict[str, Callable[[Role, View, Raw], Iterator[str]]] = {
    "network": object_rules.wrong_network,
    "config": object_rules.wrong_config,
    "secret": object_rules.wrong_secret,
}


def _wrong(role: Role, access: Access, view: View, body: Raw, known: EngineKnows) -> Iterator[str]:
    """Why an object may not be made or changed so."""
    if access.kind == "service":
        return wrong_service(role, view, body, known)
    rule = _RULES.get(access.kind)
    return rule(role, view, body) if rule is not None else iter([f"that is not for the role {role}"])
