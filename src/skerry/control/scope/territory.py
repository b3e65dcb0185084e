"""What is a stack's: it bears the stack's label, and its name begins with the stack's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase

from skerry.control import configs, networks, secrets, services, tasks
from skerry.control.scope.endpoint_access import Kind
from skerry.control.scope.role import Role
from skerry.core.view import View
from skerry.model.errors import InvalidParameter, NotFound
from skerry.model.files import File, KeptFile
from skerry.model.labels import STACK
from skerry.model.objects import Network, Service, Task

Owned = Service | File | KeptFile | Network | Task

_FIND: dict[str, Callable[[View, str], Owned]] = {
    "service": services.find,
    "task": tasks.find,
    "config": configs.find,
    "secret": secrets.find,
    "network": networks.find,
}
"""How the endpoints themselves understand a name, an ID or its beginning."""


def find(view: View, kind: Kind, ref: str) -> Owned | None:
    """What a client means; None where there is no such thing. Raises InvalidParameter where it is unclear."""
    try:
        return _FIND[kind](view, ref)
    except NotFound:
        return None


def own_service(role: Role, view: View, ref: str) -> Service | None:
    """The service of the stack that a client means; None where it is not clear that there is one."""
    try:
        service = find(view, "service", ref)
    except InvalidParameter:
        return None
    return service if isinstance(service, Service) and is_own(role, view, service) else None


def is_named(role: Role, view: View, name: str) -> bool:
    """Whether a name is the stack's to give: beside `shop_eu`, `shop` has no `shop_eu_web`."""
    if not name.startswith(f"{role.stack}_"):
        return False
    longer = (other for other in set(_stacks(view)) if len(other) > len(role.stack))
    return not any(name.startswith(f"{other}_") for other in longer)


def _stacks(view: View) -> Iterator[str]:
    """The names of the stacks that there are, each as often as it has something."""
    for service in view.services.values():
        yield service.spec.typed.labels.get(STACK, "")
    for objects in (view.configs, view.secrets, view.networks):
        for obj in objects.values():
            yield labels_of(obj).get(STACK, "")


def is_own(role: Role, view: View, obj: Owned) -> bool:
    """Whether an object is the stack's."""
    if isinstance(obj, Network) and (obj.removed or obj.predefined or obj.ingress):
        return False
    name = obj.service_name if isinstance(obj, Task) else obj.name
    return labels_of(obj).get(STACK) == role.stack and is_named(role, view, name)


def labels_of(obj: Owned) -> Mapping[str, str]:
    """The user's labels of an object."""
    match obj:
        case Service():
            return obj.spec.typed.labels
        case Task():
            return obj.labels
    return obj.spec.get("Labels") or {}


def may_join(role: Role, view: View, network: Network) -> bool:
    """Whether the stack's services may be on a network: its own, or one that the user was given."""
    if is_own(role, view, network):
        return True
    usable = not (network.removed or network.predefined or network.ingress)
    return usable and any(fnmatchcase(network.name, pattern) for pattern in role.networks)
