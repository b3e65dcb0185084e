"""What of a whole stack who may deploy it may ask for: each part of it by the rule that holds where it comes
alone, and nothing that is there already and somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from skerry.control import stacks
from skerry.control.scope.endpoint_access import Kind
from skerry.control.scope.object_rules import (
    wrong_config,
    wrong_fields,
    wrong_labels,
    wrong_name,
    wrong_network,
    wrong_roll,
    wrong_secret,
)
from skerry.control.scope.role import Role
from skerry.control.scope.service_rules import Beside, EngineKnows, without_content, wrong_service
from skerry.control.scope.territory import Owned, find, is_own, labels_of
from skerry.control.versions import hidden_behind
from skerry.core.keeping import files_of_release
from skerry.core.view import View
from skerry.model.errors import InvalidParameter
from skerry.model.labels import STACK
from skerry.model.objects import Network, Raw
from skerry.model.releases import REMOVED, Release

_OBJECTS = ("Networks", "Configs", "Secrets")
_PARTS = ("Services", "Volumes", *_OBJECTS)


def wrong_stack(role: Role, view: View, body: Raw, known: EngineKnows) -> Iterator[str]:
    """The stack that is to be made, or changed to this."""
    yield from wrong_fields({**body, **{part: [] for part in _PARTS}}, "skerry.Stack")
    for network in body.get("Networks", []):
        yield from _part("network", network, role, view, wrong_network(role, view, network))
    for config in body.get("Configs", []):
        yield from _part("config", config, role, view, wrong_config(role, view, config))
    for secret in body.get("Secrets", []):
        yield from _part("secret", secret, role, view, wrong_secret(role, view, secret))
    for volume in body.get("Volumes", []):
        yield from _wrong_volume(role, view, volume)
    beside = Beside(*(_names(body, kind) for kind in _OBJECTS))
    for service in body.get("Services", []):
        yield from _part("service", service, role, view, wrong_service(role, view, service, known, beside))


def _names(body: Raw, kind: str) -> frozenset[str]:
    return frozenset(str(part.get("Name", "")) for part in body.get(kind, []))


def _part(kind: Kind, body: Raw, role: Role, view: View, reasons: Iterable[str]) -> Iterator[str]:
    """What is wrong with a part of the stack: what has its name already would be changed, and so has to be
    the stack's too."""
    name = str(body.get("Name", ""))
    for reason in chain(reasons, _wrong_namesake(kind, name, role, view)):
        yield f"of the {kind} {name}, {reason}"


def _wrong_namesake(kind: Kind, name: str, role: Role, view: View) -> Iterator[str]:
    try:
        there = find(view, kind, name)
    except InvalidParameter:
        there = None  # names of the stack's are beginnings of no ID
    if there is not None and not is_own(role, view, there):
        yield f"what is called so is not of the stack {role.stack}"


def _wrong_volume(role: Role, view: View, volume: Raw) -> Iterator[str]:
    """A volume that is told of; what is done with it stands at the mounts of services."""
    yield from wrong_fields(volume, "skerry.Volume")
    yield from wrong_name(role, view, str(volume.get("Name", "")))
    yield from wrong_labels(role, volume.get("Labels", {}), required=False)


def wrong_release(role: Role, view: View, release: Release, known: EngineKnows) -> Iterator[str]:
    """An earlier release that the stack is to return to: an administrator may have made it, and what may run
    may have become less since."""
    names = {network.id: network.spec.get("Name", "") for network in release.networks}
    body = {
        **stacks.again(release, by="", atomic=True).body,
        "Services": [_on_names(spec, names) for spec in specs_of(release)],
    }
    for reason in chain(wrong_stack(role, view, body, known), _wrong_files(role, view, release)):
        yield f"of its release {release.number}, {reason}"


def _wrong_files(role: Role, view: View, release: Release) -> Iterator[str]:
    used = files_of_release(release)
    for kind in ("config", "secret"):
        for _, shown in hidden_behind(view, kind, used):
            yield from wrong_roll(role, view, shown)


def specs_of(release: Release) -> list[Raw]:
    """The services of a release, as clients see them."""
    return [without_content(part.spec) for part in release.services if part.action != REMOVED]


def _on_names(spec: Raw, names: Mapping[str, str]) -> Raw:
    """A spec with the names of its release's networks: their IDs are others where they were made anew."""
    template = spec.get("TaskTemplate", {})
    attached = [
        {**one, "Target": names.get(one.get("Target", ""), one.get("Target", ""))}
        for one in template.get("Networks") or []
    ]
    return {**spec, "TaskTemplate": {**template, "Networks": attached}}


def strangers(role: Role, view: View) -> Iterator[str]:
    """What bears the stack's label and not its name: it would go with what the stack loses."""
    rows: Iterable[tuple[str, Mapping[str, Owned]]] = (
        ("service", view.services),
        ("network", view.networks),
        ("config", view.configs),
        ("secret", view.secrets),
    )
    for kind, objects in rows:
        for obj in objects.values():
            labelled = labels_of(obj).get(STACK) == role.stack
            if labelled and not is_own(role, view, obj) and not (isinstance(obj, Network) and obj.removed):
                yield f"the {kind} {obj.name} bears the stack's label, and by its name it is not the stack's"
