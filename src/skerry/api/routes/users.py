"""Users of the API over the network, the addresses at which they reach it, and who changed what."""

from __future__ import annotations

import msgspec
from aiohttp import web

from skerry.api.call import NAMED, Call
from skerry.api.query import NUMBER
from skerry.api.responses import empty_response, json_response
from skerry.api.route import Route, Table
from skerry.control import listeners, users
from skerry.control.access import require_swarm
from skerry.control.scope.endpoint_access import ADMIN_ONLY
from skerry.model.errors import Conflict, InvalidParameter
from skerry.model.go import strconv
from skerry.model.objects import Listener, Raw, User
from skerry.model.times import timestamp

ENTRIES = 100
"""So many are told where nobody says how many."""


async def _body(call: Call) -> Raw:
    """The body as an object. Raises InvalidParameter."""
    try:
        body = msgspec.json.decode(await call.read(), type=dict)
    except msgspec.MsgspecError as error:
        raise InvalidParameter(f"invalid JSON: {error}") from error
    call.request[NAMED] = str(body.get("Name") or body.get("Address") or "")
    return body


async def list_users(call: Call) -> web.Response:
    """Every user, by name."""
    require_swarm(call.view)
    rows = sorted(call.view.users.values(), key=lambda user: user.name)
    return json_response([_user(user) for user in rows])


def _user(user: User) -> Raw:
    return {
        "ID": user.id,
        "Name": user.name,
        "Role": user.role,
        "Images": list(user.images),
        "Networks": list(user.networks),
        "Fingerprint": user.fingerprint,
        "ExpiresAt": timestamp(user.expires_at),
        "CreatedAt": timestamp(user.created_at),
    }


async def add_user(call: Call) -> web.Response:
    """Make a user; the certificate's key is in this answer, and nowhere else."""
    admitted = await users.add(call.store, await _body(call))
    issued = admitted.issued
    secret = {"CA": admitted.authority, "Certificate": issued.certificate, "Key": issued.key}
    return json_response({**_user(admitted.user), **secret}, 201)


async def remove_user(call: Call) -> web.Response:
    """Take a user away, certificate and connections included."""
    await users.remove(call.store, call.ref)
    return empty_response(204)


async def list_listeners(call: Call) -> web.Response:
    """Every address at which the API is served with TLS."""
    return json_response([await _listener(call, row) for _, row in sorted(call.view.listeners.items())])


async def _listener(call: Call, listener: Listener) -> Raw:
    fault = await call.deps.listens(listener.id)
    return {"Address": listener.id, "Names": list(listener.names), "Error": fault}


async def add_listener(call: Call) -> web.Response:
    """Serve at an address; refused where it is somebody else's."""
    body = await _body(call)
    names = body.get("Names") or []
    if not isinstance(names, list):
        raise InvalidParameter("Names is a list of texts")
    listener = listeners.read_address(str(body.get("Address", "")), map(str, names))
    before = call.view.listeners.get(listener.id)
    await listeners.add(call.store, listener)
    if (fault := await call.deps.listens(listener.id)) and before is None:
        await listeners.remove(call.store, listener.id)
        raise Conflict(fault)
    return json_response(await _listener(call, listener), 201)


async def remove_listener(call: Call) -> web.Response:
    """Serve at an address no more."""
    address = str((await _body(call)).get("Address", ""))
    await listeners.remove(call.store, address)
    await call.deps.listens("")
    return empty_response(204)


async def audit(call: Call) -> web.Response:
    """The last entries of the audit log, the oldest of them first."""
    text = call.query.text("last") or str(ENTRIES)
    try:
        last = strconv.parse_uint(text)
    except strconv.NumError as error:
        raise InvalidParameter(f"invalid value for last: {error}") from error
    return json_response(call.deps.audit.entries(last) if call.deps.audit is not None else [])


ROUTES: Table = [
    Route("GET", "/skerry/users", list_users, access=ADMIN_ONLY),
    Route("POST", "/skerry/users", add_user, access=ADMIN_ONLY),
    Route("DELETE", "/skerry/users/{ref}", remove_user, access=ADMIN_ONLY),
    Route("GET", "/skerry/listeners", list_listeners, access=ADMIN_ONLY),
    Route("POST", "/skerry/listeners", add_listener, access=ADMIN_ONLY),
    Route("POST", "/skerry/listeners/remove", remove_listener, access=ADMIN_ONLY),
    Route("GET", "/skerry/audit", audit, query={"last": NUMBER}, access=ADMIN_ONLY),
]
