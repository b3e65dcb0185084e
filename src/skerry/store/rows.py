"""Objects as rows: the JSON of their fields, what is secret in it encrypted."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from skerry.model.objects import KINDS, Cluster, Object, Raw, Revision, Secret, Service, Task
from skerry.store.crypt import seal, unseal

SEALED: dict[type[Object], tuple[str, ...]] = {
    Secret: ("data",),
    Cluster: ("ca_key", "worker_token", "manager_token", "unlock_key"),
    Service: ("registry_auth",),
    Revision: ("registry_auth",),
    Task: ("registry_auth",),
}
"""Fields that are on disk only encrypted."""
BYTES = ("data", "ca_key")
"""Those of them that are bytes; the others are text."""


def encode(obj: Object, key: bytes) -> str:
    """The body of an object's row."""
    fields: Raw = msgspec.to_builtins(obj, builtin_types=(bytes,))
    for name in SEALED.get(type(obj), ()):
        if value := fields[name]:
            plain = value if isinstance(value, bytes) else value.encode()
            fields[name] = seal(key, plain, _place(obj.id, name))
    return msgspec.json.encode(fields).decode()


def decode(kind: str, key: str, body: str, data_key: bytes) -> Object:
    """The object of a row; what is sealed is empty where there is no key (b"").

    Raises MsgspecError, ValueError and WrongKey where it is damaged.
    """
    fields = msgspec.json.decode(body, type=dict[str, Any])
    for name in SEALED.get(KINDS[kind], ()):
        if not data_key:
            fields[name] = ""
        elif value := fields.get(name):
            plain = unseal(data_key, base64.b64decode(value), _place(key, name))
            fields[name] = base64.b64encode(plain).decode() if name in BYTES else plain.decode()
    return msgspec.convert(fields, KINDS[kind])


def _place(key: str, name: str) -> str:
    return f"{key}/{name}"
