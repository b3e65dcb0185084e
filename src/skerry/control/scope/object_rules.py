"""What of a body who may deploy one stack may send: names and labels, networks, configs, secrets.

Each rule gives the reasons why not, as the end of a sentence: `the name db is not the stack's`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from skerry.control import files
from skerry.control.scope.role import Role
from skerry.control.scope.spec_fields import unusable
from skerry.control.scope.territory import is_named, is_own
from skerry.core.versions import is_other, kind_of, users_of, versions_of
from skerry.core.view import View
from skerry.model import labels
from skerry.model.errors import SkerryError
from skerry.model.files import File
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
    yield from _wrong_content(role, view, body, "config")


def wrong_secret(role: Role, view: View, body: Raw) -> Iterator[str]:
    """A secret that is to be made or changed."""
    yield from _wrong_object(role, view, body, "swarm.SecretSpec")
    yield from _wrong_content(role, view, body, "secret")


def _wrong_content(role: Role, view: View, body: Raw, kind: str) -> Iterator[str]:
    """Another content, to which a service of others would be rolled."""
    try:
        spec, data = files.split(body)
    except SkerryError:
        return  # the endpoint itself says what is wrong with it
    for file in versions_of(view, kind, str(spec.get("Name", ""))):
        if isinstance(file, File) and is_other(file, spec, data):
            yield from wrong_roll(role, view, file)


def wrong_roll(role: Role, view: View, file: File) -> Iterator[str]:
    """Another version in the place of this one, where services of others use its name."""
    keys = [row.id for row in versions_of(view, kind_of(file), file.name)]
    if not all(is_own(role, view, service) for service in users_of(view, keys)):
        yield f"a service that is not of the stack {role.stack} uses {file.name}, and would be rolled"


def _wrong_object(role: Role, view: View, body: Raw, shape: str) -> Iterator[str]:
    yield from wrong_fields(body, shape)
    yield from wrong_name(role, view, str(body.get("Name", "")))
    yield from wrong_labels(role, body.get("Labels", {}), required=True)
