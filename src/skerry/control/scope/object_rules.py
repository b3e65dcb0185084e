"""What of a body who may deploy one stack may send: names and labels, networks, configs, secrets.

Each rule gives the reasons why not, as the end of a sentence: `the name db is not the stack's`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from skerry.control.scope.role import Role
from skerry.control.scope.spec_fields import unusable
from skerry.control.scope.territory import is_named
from skerry.core.view import View
from skerry.model import labels
from skerry.model.objects import Raw

RESERVED = ("skerry.", "com.docker.")
"""Labels that mean something to skerry, to the engine or to its clients begin so."""
PASSING = ("com.docker.stack.",)
"""Those that the docker CLI writes, and nobody decides by."""


def wrong_fields(body: Raw, shape: str) -> Iterator[str]:
    """Fields that may not be used."""
    for path in unusable(body, shape):
        yield f"{path} is not for the stack's users to set"


def wrong_name(role: Role, view: View, name: str) -> Iterator[str]:
    """A name that is not the stack's to give."""
    if not is_named(role, view, name):
        yield f'the name "{name}" is not of the stack {role.stack}'


def wrong_labels(role: Role, sent: Mapping[str, str], *, required: bool) -> Iterator[str]:
    """Labels that would move it to another stack, or reach beyond this one. `required`: it has to bear the
    stack's."""
    for name, value in sent.items():
        if name == labels.STACK and value != role.stack:
            yield f"the label {name}={value} is of another stack than {role.stack}"
        elif name.startswith(RESERVED) and not name.startswith(PASSING) and name not in labels.OF_A_STACK:
            yield f"the label {name} is not for the stack's users to set"
    if required and labels.STACK not in sent:
        yield f"the label {labels.STACK}={role.stack} is missing"


def wrong_network(role: Role, view: View, body: Raw) -> Iterator[str]:
    """A network that is to be made."""
    yield from _wrong_object(role, view, body, "types.NetworkCreateRequest")
    if body.get("Driver", "") not in ("", "overlay") or not (body.get("Driver") or body.get("Scope")):
        yield f"the driver {body.get('Driver') or 'bridge'} is not overlay"
    if body.get("Scope", "") not in ("", "swarm"):
        yield f"the scope {body['Scope']} is not the swarm"
    if body.get("IPAM", {}).get("Driver", "default") not in ("", "default"):
        yield f"the addresses would come from {body['IPAM']['Driver']}"


def wrong_config(role: Role, view: View, body: Raw) -> Iterator[str]:
    """A config that is to be made or changed."""
    yield from _wrong_object(role, view, body, "swarm.ConfigSpec")


def wrong_secret(role: Role, view: View, body: Raw) -> Iterator[str]:
    """A secret that is to be made or changed."""
    yield from _wrong_object(role, view, body, "swarm.SecretSpec")


def _wrong_object(role: Role, view: View, body: Raw, shape: str) -> Iterator[str]:
    yield from wrong_fields(body, shape)
    yield from wrong_name(role, view, str(body.get("Name", "")))
    yield from wrong_labels(role, body.get("Labels", {}), required=True)
