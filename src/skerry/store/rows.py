"""Objects as rows: the JSON of their fields, what is secret in it encrypted."""

from __future__ import annotations

import base64
from typing import Any, get_args

import msgspec

from skerry.model.declare import Declared
from skerry.model.files import KeptSecret, Secret
from skerry.model.objects import KINDS, Cluster, Object, Raw, Revision, Service, Task
from skerry.model.releases import Release
from skerry.model.spec import Spec
from skerry.store.crypt import seal, unseal

SEALED: dict[type[Object], tuple[str, ...]] = {
    Secret: ("data",),
    KeptSecret: ("data",),
    Cluster: ("ca_key", "worker_token", "manager_token", "unlock_key"),
    Service: ("registry_auth",),
    Revision: ("registry_auth",),
    Release: ("registry_auth", "registry_config"),
    Task: ("registry_auth",),
}
"""Fields that are on disk only encrypted."""
BYTES = ("data", "ca_key")
"""Those of them that are bytes; the others are text."""


def encode(obj: Object, key: bytes) -> str:
    """The body of an object's row."""
    fields: Raw = msgspec.to_builtins(obj, builtin_types=(bytes,), enc_hook=_written)
    for name in SEALED.get(type(obj), ()):
        if value := fields[name]:
            plain = value if isinstance(value, bytes) else value.encode()
            fields[name] = seal(key, plain, _place(obj.id, name))
    return msgspec.json.encode(fields).decode()


class Specs:
    """The specs of the rows that are read together: those that are equal become one value."""

    def __init__(self) -> None:
        self._known: dict[tuple[type[Declared], bytes], Spec[Any]] = {}

    def read(self, kind: Any, raw: Raw) -> Spec[Any]:
        """The spec of a row, which is of the type `kind` (`Spec[TaskTemplate]`)."""
        (struct,) = get_args(kind)
        spec: Spec[Any] = Spec(struct, raw)
        return self._known.setdefault((struct, msgspec.json.encode(raw)), spec)


def decode(kind: str, key: str, body: str, data_key: bytes, specs: Specs) -> Object:
    """The object of a row; what is sealed is empty where there is no key (b"").

    The specs of services and tasks are read now, so that no decision has to.

    Raises MsgspecError, ValueError and WrongKey where it is damaged.
    """
    fields = msgspec.json.decode(body, type=dict[str, Any])
    for name in SEALED.get(KINDS[kind], ()):
        if not data_key:
            fields[name] = ""
        elif value := fields.get(name):
            plain = unseal(data_key, base64.b64decode(value), _place(key, name))
            fields[name] = base64.b64encode(plain).decode() if name in BYTES else plain.decode()
    obj = msgspec.convert(fields, KINDS[kind], dec_hook=specs.read)
    for spec in _decided_on(obj):
        spec.typed  # noqa: B018
    return obj


def _decided_on(obj: Object) -> list[Spec[Any]]:
    """The specs of a row that decisions look at; those of most revisions never are."""
    if isinstance(obj, Task):
        return [obj.spec, *([obj.endpoint_spec] if obj.endpoint_spec is not None else [])]
    return [obj.spec] if isinstance(obj, Service) else []


def _written(value: Any) -> Raw:
    assert isinstance(value, Spec)
    return value.raw


def _place(key: str, name: str) -> str:
    return f"{key}/{name}"
