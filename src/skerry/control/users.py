"""Users of the API over the network: each has a certificate of the swarm's authority, and a role."""

from __future__ import annotations

import re
from typing import NamedTuple

from skerry.control import access
from skerry.control.certificates import Issued, issue
from skerry.control.scope.role import Role, read_role
from skerry.core.view import View
from skerry.model.errors import Conflict, InvalidParameter, NotFound
from skerry.model.objects import Raw, User
from skerry.store.store import Store, Tx

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,62}[A-Za-z0-9])?")
LONGEST_DAYS = 3650
DAYS = 365


class Admitted(NamedTuple):
    """A user who was just made, with what nobody will be told again."""

    user: User
    authority: str
    """The certificate by which the user knows this swarm, in PEM."""
    issued: Issued


def find(view: View, ref: str) -> User:
    """A user by name, ID or its beginning. Raises NotFound, InvalidParameter, Unavailable."""
    access.require_swarm(view)
    return access.resolve("user", view.users.values(), ref, lambda user: user.name == ref, NotFound)


def role_of(user: User) -> Role:
    """What a user may do."""
    return read_role(user.role, user.images, user.networks)


async def add(store: Store, body: Raw) -> Admitted:
    """Make a user from `{"Name", "Role", "Images", "Networks", "Days"}`, with a certificate.

    Raises InvalidParameter, Conflict where there is one of that name, Unavailable without a swarm.
    """
    name, days = str(body.get("Name", "")), body.get("Days", DAYS)
    if not _NAME.fullmatch(name):
        raise InvalidParameter(f'"{name}" is no name for a user: letters, digits and any of ._@- are')
    if not isinstance(days, int) or not 0 < days <= LONGEST_DAYS:
        raise InvalidParameter(f"a certificate lasts 1 to {LONGEST_DAYS} days, and not {days}")
    images, networks = _patterns(body, "Images"), _patterns(body, "Networks")
    role = read_role(str(body.get("Role", "")), images, networks)

    def write(tx: Tx) -> Admitted:
        cluster = access.require_swarm(tx.view)
        if any(user.name == name for user in tx.view.users.values()):
            raise Conflict(f"user {name} exists already; to give another certificate, remove it first")
        issued = issue(cluster.ca_cert, cluster.ca_key, name, tx.now, days)
        user = User(tx.new_id(), name, str(role), images, networks, issued.fingerprint, issued.expires_at)
        return Admitted(tx.put(user), cluster.ca_cert, issued)

    return await store.update(write)


def _patterns(body: Raw, key: str) -> tuple[str, ...]:
    patterns = body.get(key) or []
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise InvalidParameter(f"{key} is a list of texts")
    return tuple(patterns)


async def remove(store: Store, ref: str) -> None:
    """Take a user away: its certificate is worth nothing from now on, and its connections are cut."""

    def write(tx: Tx) -> None:
        tx.delete(find(tx.view, ref))

    await store.update(write)
