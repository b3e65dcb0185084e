"""What every call asks first: is there a swarm, which object is meant, which version of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from skerry.core.view import View
from skerry.model.errors import InvalidParameter, NotFound, SkerryError, Unavailable
from skerry.model.files import Config, Secret
from skerry.model.go import strconv
from skerry.model.objects import Cluster, Network, Node, Service, Task, User

Found = TypeVar("Found", Config, Network, Node, Secret, Service, Task, User)

NO_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node '
    "to swarm and try again."
)
LOCKED = (
    "Swarm is encrypted and needs to be unlocked before it can be used. "
    'Please use "docker swarm unlock" to unlock it.'
)


def require_swarm(view: View) -> Cluster:
    """The swarm. Raises Unavailable (503) where this machine is in none, or that one is locked."""
    if view.cluster is None:
        raise Unavailable(NO_MANAGER)
    if view.locked:
        raise Unavailable(LOCKED)
    return view.cluster


def resolve(
    kind: str, objects: Iterable[Found], ref: str, named: Callable[[Found], bool], missing: type[SkerryError]
) -> Found:
    """The object that `ref` means: by its full ID, else by its name, else by a prefix of its ID.

    Raises `missing` with "KIND REF not found", or InvalidParameter where a prefix fits several.
    """
    candidates = list(objects)
    for fits in (lambda obj: obj.id == ref, named, lambda obj: obj.id.startswith(ref)):
        hits = [obj for obj in candidates if fits(obj)]
        if len(hits) == 1:
            return hits[0]
        if hits:
            raise InvalidParameter(f"{kind} {ref} is ambiguous ({len(hits)} matches found)")
    raise missing(f"{kind} {ref} not found")


def find(view: View, kind: str, objects: Iterable[Found], ref: str, named: Callable[[Found], bool]) -> Found:
    """`one` for a route: 503 without a swarm, 404 where there is no such object."""
    require_swarm(view)
    return resolve(kind, objects, ref, named, NotFound)


def version_number(version: str | None, kind: str) -> int:
    """The version that a client means to update. Raises InvalidParameter in the words of Go's ParseUint.

    Configs and secrets have a shorter sentence than services, nodes and the swarm.
    """
    text = version or ""
    try:
        return strconv.parse_uint(text)
    except strconv.NumError as error:
        if kind in ("config", "secret"):
            raise InvalidParameter(f"invalid {kind} version") from error
        raise InvalidParameter(f"invalid {kind} version '{text}': {error}") from error
