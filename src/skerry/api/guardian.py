"""Who asks what: the decision of `control.scope` about each request, and its line in the audit log.

There are two ways in, and one decision. What is the engine's is decided by the door, before a byte of it goes
there (`refusal`); what is skerry's own once its body is read (`admit`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, quote

import msgspec
from aiohttp import web

from skerry.api import passed
from skerry.api.call import REFUSED, Call
from skerry.api.callers import name_of
from skerry.api.door.heads import Head
from skerry.api.image_references import inspect
from skerry.api.query import Query
from skerry.control import undo, users
from skerry.control.scope import disclosure
from skerry.control.scope.decision import Asked, Verdict, decide, may_at_all
from skerry.control.scope.endpoint_access import Access, Deploy
from skerry.control.scope.role import ADMIN, Role
from skerry.control.scope.service_rules import EngineKnows
from skerry.control.scope.stack_rules import specs_of
from skerry.control.scope.territory import own_service
from skerry.core import revisions
from skerry.model.caller import Caller
from skerry.model.errors import Forbidden, NotFound
from skerry.model.labels import STACK
from skerry.model.objects import Raw, Revision
from skerry.model.times import timestamp
from skerry.store.audit import AuditLog
from skerry.store.store import Store

PROJECT = "com.docker.compose.project"
UNCHANGING = ("GET", "HEAD", "OPTIONS")
NAMING = ("name", "fromImage", "repo", "tag", "rollback", "force", "to", "plan", "prune")
"""Parameters of a query that say what is changed; others may be secret, as a build's arguments are."""
LONGEST = 500
"""Characters of a path or a name that are told."""
CUT_OFF = 499
"""The status of a call whose client hung up before it had an answer."""


class Guardian:
    """The door's guard, and the application's. `audit` is None where nothing is kept."""

    def __init__(self, store: Store, clock: Callable[[], int], audit: AuditLog | None = None) -> None:
        self._store = store
        self._clock = clock
        self._audit = audit

    # ---- who

    def role(self, caller: Caller) -> Role | None:
        """What somebody may do; None for nobody that is known, or not any more."""
        if not caller.user:
            return ADMIN if caller.uid >= 0 else None
        user = self._store.view.users.get(caller.user)
        return users.role_of(user) if user is not None and user.expires_at > self._clock() else None

    def _words(self, caller: Caller, method: str, path: str, reason: str) -> str:
        user = self._store.view.users.get(caller.user)
        who = f"user {user.name} ({user.role})" if user is not None else "a user who is not there any more"
        return f"{who} may not {method} {_plain(path)}: {_plain(reason)}"

    # ---- the engine's

    def refusal(self, caller: Caller, head: Head, /) -> str:
        """Why a request may not go to the engine; empty where it may."""
        role = self.role(caller)
        if role is None:
            return self._words(caller, head.method, head.path, "the certificate is not valid any more")
        if role.kind == "admin":
            return ""
        access, ref = passed.find(head.method, head.path)
        verdict = decide(role, Asked(access, ref), self._store.view)
        return self._words(caller, head.method, head.path, verdict.reason) if verdict.reason else ""

    def answered(self, caller: Caller, head: Head, status: int, /, reason: str = "") -> None:
        """Keep what came of a request of the engine's."""
        query = {name: values[-1] for name, values in parse_qs(head.target.query.lstrip("?")).items()}
        self.note(caller, head.method, head.path, status, query, reason)

    # ---- skerry's own

    async def admit(self, call: Call, access: Access) -> Call:
        """The call as it may be answered. Raises Forbidden where it may not, NotFound where it might be asked
        and there is no such thing."""
        role = self.role(call.caller)
        if role is None:
            raise self._forbidden(call, "the certificate is not valid any more")
        if role.kind == "admin":
            return call
        if not may_at_all(role, access):
            raise self._forbidden(call, f"that is not for the role {role}")
        asked = await _asked(call, role, access)
        known = await _known(call, asked) if role.kind == "deploy" else None
        verdict = decide(role, asked, call.view, known)
        self._check(call, access, verdict, asked.ref)
        return replace(call, role=role, meant=verdict.key, query=_decided(call.query, asked))

    def _check(self, call: Call, access: Access, verdict: Verdict, ref: str) -> None:
        if verdict.reason:
            raise self._forbidden(call, verdict.reason)
        if verdict.missing:
            raise NotFound(f"{access.kind} {ref} not found")

    def _forbidden(self, call: Call, reason: str) -> Forbidden:
        words = self._words(call.caller, call.request.method, call.path, reason)
        call.request[REFUSED] = words
        return Forbidden(words)

    def shown(self, call: Call, access: Access, response: web.StreamResponse) -> web.StreamResponse:
        """An answer as the caller may see it."""
        if call.role.kind == "admin" or not isinstance(response, web.Response) or response.status != 200:
            return response
        if response.content_type != "application/json" or not isinstance(response.body, bytes):
            return response
        answer = msgspec.json.decode(response.body)
        single = call.role.kind == "deploy" and access.deploy is Deploy.SEE
        if single and not disclosure.is_shown(call.role, access.kind, answer, call.view):
            raise NotFound(f"{access.kind} {call.ref} not found")  # one of the engine's own of that name
        value = disclosure.shown(call.role, access.kind, answer, call.view)
        response.body = msgspec.json.encode(value) + b"\n"
        return response

    # ---- the audit log

    def note(
        self,
        caller: Caller,
        method: str,
        path: str,
        status: int,
        query: Mapping[str, str],
        refused: str = "",
        name: str = "",
    ) -> None:
        """Keep what came of a request that may have changed something, or was refused to its caller."""
        if self._audit is None or (method in UNCHANGING and not refused):
            return
        details = {key: _plain(query[key]) for key in NAMING if query.get(key)}
        if name:
            details["name"] = _plain(name)
        entry: dict[str, Any] = {"at": timestamp(self._clock()), **self._who(caller)}
        entry |= {"method": method, "path": _plain(path), "status": status}
        entry |= {"details": details} if details else {}
        entry |= {"refused": refused} if refused else {}
        self._audit.append(entry)

    def _who(self, caller: Caller) -> Raw:
        name = name_of(self._store.view, caller)
        if not caller.user:
            return {"who": name or str(caller.uid), "uid": caller.uid, "pid": caller.pid}
        user = self._store.view.users.get(caller.user)
        return {"who": name, "role": user.role if user is not None else "", "from": caller.address}


def _plain(text: str) -> str:
    """What a client has sent, as a terminal may show it: what is no text, or steers, by its number."""
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in shown
    )


async def _asked(call: Call, role: Role, access: Access) -> Asked:
    """What a call asks, as far as its decision needs it."""
    if role.kind != "deploy":
        return Asked(access)
    changing = access.deploy in (Deploy.CREATE, Deploy.CHANGE)
    ref = call.request.match_info.get("ref", "")
    back = access.deploy is Deploy.RETURN and ref == role.stack
    return Asked(
        access,
        ref=ref,
        body=await call.body() if changing and call.shape else None,
        named=_named(call, access),
        prune="prune" in call.query.declared and call.query.bool("prune"),
        release=undo.find_release(call.view, ref, call.query.optional_integer("to")) if back else None,
        revision=_revision(call, role, access, ref),
    )


def _revision(call: Call, role: Role, access: Access, ref: str) -> Revision | None:
    """The revision that a service of the stack is to return to. Raises NotFound where there is none."""
    returns = access.kind == "revision" and access.deploy is Deploy.RETURN
    previous = "rollback" in call.query.declared and call.query.text("rollback") == "previous"
    service = own_service(role, call.view, ref) if returns or previous else None
    if service is None:
        return None
    if previous:
        return revisions.previous(call.view, service)
    return undo.find_revision(call.view, service, call.query.optional_integer("to"))


def _decided(query: Query, asked: Asked) -> Query:
    """The query of a call that goes back, with what was held against the rules named in it: what it would
    go back to by default may be something else by the time that this is written."""
    chosen = asked.release or asked.revision
    if chosen is None or asked.access.deploy is not Deploy.RETURN:
        return query
    return replace(query, sent={**query.sent, "to": str(chosen.number)})


def _named(call: Call, access: Access) -> tuple[str, ...]:
    """What the query of a list names."""
    if access.deploy is not Deploy.LIST:
        return ()
    if access.kind == "task" and "filters" in call.query.declared:
        return tuple(call.filters().get("service", ()))
    return tuple(call.query.text("of").split(",")) if "of" in call.query.declared else ()


def _specs(asked: Asked) -> list[Raw]:
    """The services that are to be made or changed."""
    if asked.release is not None:
        return specs_of(asked.release)
    earlier = [asked.revision.spec.raw] if asked.revision is not None else []
    match asked.access.kind:
        case "service" if asked.body is not None:
            return [asked.body, *earlier]
        case "stack" if asked.body is not None:
            return list(asked.body.get("Services", []))
    return earlier


async def _known(call: Call, asked: Asked) -> EngineKnows:
    """What the engine says of what the services name."""
    containers = [spec.get("TaskTemplate", {}).get("ContainerSpec", {}) for spec in _specs(asked)]
    images: dict[str, tuple[str, ...]] = {}
    for image in sorted({str(container.get("Image", "")) for container in containers}):
        digest = image.partition("@")[2]
        there = await inspect(call, digest) if digest and not _runs_already(call, image) else None
        if there is not None:
            images[digest] = (*(there.get("RepoTags") or ()), *(there.get("RepoDigests") or ()))
    mounts = (mount for container in containers for mount in container.get("Mounts") or ())
    sources = {str(mount.get("Source", "")) for mount in mounts}
    volumes = {source: await _maker(call, source) for source in sorted(sources) if source}
    return EngineKnows(images, volumes)


def _runs_already(call: Call, image: str) -> bool:
    """Whether a service has an image of exactly this name: it was looked at when that was made."""
    return any(
        service.spec.typed.task_template.container_spec.image == image
        for service in call.view.services.values()
    )


async def _maker(call: Call, volume: str) -> str:
    """The stack or project that a volume bears as a label; "" where there is none, or no such volume."""
    response = await call.ask("GET", f"/volumes/{quote(volume, safe='')}")
    labels = (response.json.get("Labels") or {}) if response.status == 200 else {}
    return str(labels.get(STACK) or labels.get(PROJECT) or "")
