"""What configs and secrets have in common: named content that never changes, used by services."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from msgspec.structs import replace

from skerry.control import access, octets
from skerry.control.names import check_file_name
from skerry.core.view import View
from skerry.model.errors import RpcError, out_of_sequence
from skerry.model.objects import Config, Raw, Secret
from skerry.store.store import Store, Tx

File = TypeVar("File", Config, Secret)
Find = Callable[[View, str], Config | Secret]
"""Finds one by what the user calls it."""


def find(view: View, kind: str, files: Iterable[File], ref: str) -> File:
    """A file by ID, name (in any case, as Docker has it for these two) or ID prefix."""
    return access.find(view, kind, files, ref, lambda file: file.name.lower() == ref.lower())


def split(body: Raw) -> tuple[Raw, bytes]:
    """The spec without its content, and the content."""
    spec = {"Labels": {}, **body}
    return spec, octets.read(spec.pop("Data", ""))


async def relabel(store: Store, find_one: Find, ref: str, version: int, spec: Raw, data: bytes) -> None:
    """Change the labels. Raises RpcError where anything else differs, or the version is stale."""

    def write(tx: Tx) -> None:
        old = find_one(tx.view, ref)
        check_change(old, spec, data)
        if version != old.version:
            raise out_of_sequence()
        put_labels(tx, old, spec["Labels"])

    await store.update(write)


def put_labels(tx: Tx, file: Config | Secret, labels: Raw) -> None:
    """Write one with other labels."""
    tx.put(replace(file, spec={**file.spec, "Labels": labels}))


async def remove(store: Store, find_one: Find, ref: str, kind: str) -> None:
    """Delete one that no service uses. Raises RpcError where one does."""

    def write(tx: Tx) -> None:
        delete(tx, find_one(tx.view, ref), kind)

    await store.update(write)


def delete(tx: Tx, file: Config | Secret, kind: str) -> None:
    """Delete one that no service uses. Raises RpcError where one does."""
    check_unused(tx.view, file, kind)
    tx.delete(file)


def check_new(spec: Raw, data: bytes, kind: str, limit: int, files: Iterable[Config | Secret]) -> None:
    """Whether a config or secret may be created so. Raises RpcError."""
    name = spec.get("Name", "")
    check_file_name(name)
    if not 0 < len(data) < limit:
        raise RpcError("InvalidArgument", f"{kind} data must be larger than 0 and less than {limit} bytes")
    check_name_free(name, kind, files)


def check_name_free(name: str, kind: str, files: Iterable[Config | Secret]) -> None:
    """Names are unique without regard to case."""
    if any(file.name.lower() == name.lower() for file in files):
        raise RpcError("AlreadyExists", f"{kind} {name} already exists")


def check_change(old: Config | Secret, spec: Raw, data: bytes) -> None:
    """Only labels may change; equal or no content is fine. Raises RpcError."""
    if spec.get("Name", "") != old.name or (data and data != old.data):
        raise RpcError("InvalidArgument", "only updates to Labels are allowed")


def check_unused(view: View, file: Config | Secret, kind: str) -> None:
    """A file that the current spec of a service names can't be removed; previous specs don't count."""
    users = []
    for service in sorted(view.services.values(), key=lambda service: service.id):
        container = service.spec.typed.task_template.container_spec
        used = {
            *(reference.secret_id for reference in container.secrets),
            *(reference.config_id for reference in container.configs),
        }
        if file.id in used:
            users.append(service.name)
    if users:
        word = "service" if len(users) == 1 else "services"
        raise RpcError(
            "InvalidArgument",
            f"{kind} '{file.name}' is in use by the following {word}: {', '.join(users)}",
        )
