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
from skerry.control.scope.endpoint_access import Access, Deploy, Kind
from skerry.control.scope.image_patterns import allowed
from skerry.control.scope.role import Role
from skerry.control.scope.service_rules import EngineKnows, without_content, wrong_service
from skerry.control.scope.stack_rules import strangers, wrong_release, wrong_stack
from skerry.control.scope.territory import find, is_named, is_own, may_join
from skerry.control.subjects import Stack, subject
from skerry.core.view import View
from skerry.model.errors import InvalidParameter, NotFound
from skerry.model.objects import Network, Raw, Revision
from skerry.model.releases import Release


@dataclass(frozen=True)
class Asked:
    """What is asked of an endpoint."""

    access: Access
    ref: str = ""
    """The name or ID in the path."""
    body: Raw | None = None
    """As its endpoint decodes it; None where it takes none."""
    named: tuple[str, ...] = ()
    """What the query of a list names: services, or stacks, services and tasks."""
    prune: bool = False
    """What the stack has, and the body has not, is to be removed."""
    release: Release | None = None
    """The release that the stack is to return to."""
    revision: Revision | None = None
    """The revision that the service is to return to, whatever the body says."""


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
        case Deploy.CHANGE | Deploy.RETURN if asked.access.kind == "stack":
            return _stack_changed(role, asked, view, known or EngineKnows())
        case Deploy.RETURN:
            return _returned(role, asked, view, known or EngineKnows())
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
    """A list is filtered afterwards; only a query that asks whether something is there is looked at."""
    kind = "service" if asked.access.kind == "task" else asked.access.kind
    for ref in asked.named:
        verdict = _object(role, kind, ref, view, joining=False)
        if verdict.reason:
            return verdict
    return ALLOWED


def _named(role: Role, asked: Asked, view: View, *, joining: bool) -> Verdict:
    return _object(role, asked.access.kind, asked.ref, view, joining=joining)


def _stack(role: Role, ref: str) -> Verdict:
    return Verdict(key=ref) if ref == role.stack else Verdict(f"the stack {ref} is not {role.stack}")


def _foreign(role: Role, ref: str) -> Verdict:
    return Verdict(f"{ref} is not of the stack {role.stack}")


def _subject(role: Role, ref: str, view: View) -> Verdict:
    """A stack, a service or a task."""
    try:
        meant = subject(view, ref)
    except InvalidParameter:
        return _foreign(role, ref)
    except NotFound:
        of_it = ref == role.stack or is_named(role, view, ref)
        return Verdict(missing=True) if of_it else _foreign(role, ref)
    if isinstance(meant, Stack):
        return _stack(role, meant.name)
    return Verdict(key=meant.id) if is_own(role, view, meant) else _foreign(role, ref)


def _object(role: Role, kind: Kind, ref: str, view: View, *, joining: bool) -> Verdict:
    """The object that a client means, where it is the stack's, or with `joining` a network that the stack may
    join. Whether something is there that is not the stack's is not told."""
    match kind:
        case "node":
            return ALLOWED
        case "stack" | "release":
            return _stack(role, ref)
        case "subject":
            return _subject(role, ref, view)
        case "chronicle":
            return ALLOWED if ref in ("", role.stack) or is_named(role, view, ref) else _foreign(role, ref)
        case "revision":
            kind = "service"
    refused = Verdict(f"the {kind} {ref} is not of the stack {role.stack}")
    try:
        obj = find(view, kind, ref)
    except InvalidParameter:
        return refused
    if obj is None:
        return Verdict(missing=True) if is_named(role, view, ref) else refused
    if joining and isinstance(obj, Network) and may_join(role, view, obj):
        return Verdict(key=obj.id)
    return Verdict(key=obj.id) if is_own(role, view, obj) else refused


def _stack_changed(role: Role, asked: Asked, view: View, known: EngineKnows) -> Verdict:
    """The stack as a whole: what no body says goes, where it is removed, pruned or taken back."""
    verdict = _stack(role, asked.ref)
    if verdict.reason:
        return verdict
    if asked.access.deploy is Deploy.RETURN and asked.release is None:
        return Verdict("there is no such release")
    wrong: Iterator[str] = strangers(role, view) if asked.body is None or asked.prune else iter(())
    if asked.release is not None:
        wrong = chain(wrong, wrong_release(role, view, asked.release, known))
    if asked.body is not None:
        wrong = chain(wrong, wrong_stack(role, view, asked.body, known))
    return _first(wrong, verdict)


def _changed(role: Role, asked: Asked, view: View, known: EngineKnows) -> Verdict:
    verdict = _named(role, asked, view, joining=False)
    if verdict.reason or verdict.missing or asked.body is None:
        return verdict  # what takes no body removes it
    wrong = _wrong(role, asked.access, view, asked.body, known)
    return _first(chain(wrong, _wrong_revision(role, asked, view, known)), verdict)


def _returned(role: Role, asked: Asked, view: View, known: EngineKnows) -> Verdict:
    verdict = _named(role, asked, view, joining=False)
    if verdict.reason or verdict.missing:
        return verdict
    if asked.revision is None:
        return Verdict("there is no such revision")
    return _first(_wrong_revision(role, asked, view, known), verdict)


def _wrong_revision(role: Role, asked: Asked, view: View, known: EngineKnows) -> Iterator[str]:
    """What is wrong with the spec that a rollback goes to: an administrator may have written it."""
    if asked.revision is not None:
        for reason in wrong_service(role, view, without_content(asked.revision.spec.raw), known):
            yield f"of its revision {asked.revision.number}, {reason}"


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
