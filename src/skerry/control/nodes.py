"""The one node: its labels and availability."""

from __future__ import annotations

from msgspec.structs import replace

from skerry.control import access
from skerry.core.view import View
from skerry.model.errors import InvalidParameter, RpcError, out_of_sequence
from skerry.model.go.strconv import quote
from skerry.model.objects import Node, Raw
from skerry.store.store import Store, Tx

ROLES = ("manager", "worker")
AVAILABILITIES = ("active", "pause", "drain")


def find(view: View, ref: str) -> Node:
    """A node by ID, hostname or ID prefix. Raises NotFound, InvalidParameter, Unavailable."""
    return access.find(view, "node", view.nodes.values(), ref, lambda node: node.hostname == ref)


async def update(store: Store, ref: str, version: str | None, body: Raw) -> None:
    """Replace a node's spec. Raises InvalidParameter, NotFound, RpcError (demotion, stale version)."""
    number = access.version_number(version, "node")

    def write(tx: Tx) -> None:
        access.require_swarm(tx.view)
        for word, allowed in (("Role", ROLES), ("Availability", AVAILABILITIES)):
            if body.get(word, "").lower() not in allowed:
                raise InvalidParameter(f"invalid {word}: {quote(body.get(word, ''))}")
        node = find(tx.view, ref)
        if body["Role"].lower() == "worker":
            raise RpcError("FailedPrecondition", "attempting to demote the last manager of the swarm")
        if number != node.version:
            raise out_of_sequence()
        words = {word: body[word].lower() for word in ("Role", "Availability")}
        tx.put(replace(node, spec={"Labels": {}, **body, **words}))

    await store.update(write)


async def remove(store: Store, ref: str, force: bool) -> None:
    """Refused, forced or not, as this node is the swarm's only manager: `swarm leave` is the way out."""

    def refuse(tx: Tx) -> None:
        node = find(tx.view, ref)
        raise RpcError(
            "FailedPrecondition",
            f"node {node.id} is a cluster manager and is a member of the raft cluster. It must be demoted to "
            "worker before removal",
        )

    await store.update(refuse)
