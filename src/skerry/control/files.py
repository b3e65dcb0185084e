"""What configs and secrets have in common: named content that never changes, used by services."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import TypeVar

from msgspec.structs import replace

from skerry.control import access
from skerry.control.decode import read
from skerry.control.mismatch import Mismatch, Place
from skerry.control.names import check_file_name
from skerry.core.view import View
from skerry.model.errors import RpcError, out_of_sequence
from skerry.model.objects import Config, Raw, Secret
from skerry.store.store import Store, Tx

File = TypeVar("File", Config, Secret)
Find = Callable[[View, str], Config | Secret]
"""Finds one by what the user calls it."""

ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def find(view: View, kind: str, files: Iterable[File], ref: str) -> File:
    """A file by ID, name (in any case, as Docker has it for these two) or ID prefix."""
    return access.find(view, kind, files, ref, lambda one: one.name.lower() == ref.lower())


def read_spec(body: Raw, schema: str) -> tuple[Raw, bytes]:
    """The spec without its content, and the content."""
    spec = read(body, schema)
    data = content(spec.pop("Data", ""), schema)
    return {"Labels": {}, **spec}, data


async def relabel(store: Store, find_one: Find, ref: str, version: int, spec: Raw, data: bytes) -> None:
    """Change the labels. Raises RpcError where anything else differs, or the version is stale."""

    def write(tx: Tx) -> None:
        old = find_one(tx.view, ref)
        check_change(old, spec, data)
        if version != old.version:
            raise out_of_sequence()
        tx.put(replace(old, spec={**old.spec, "Labels": spec["Labels"]}))

    await store.update(write)


async def remove(store: Store, find_one: Find, ref: str, kind: str) -> None:
    """Delete one that no service uses. Raises RpcError where one does."""

    def write(tx: Tx) -> None:
        file = find_one(tx.view, ref)
        check_unused(tx.view, file, kind)
        tx.delete(file)

    await store.update(write)


def check_new(spec: Raw, data: bytes, kind: str, limit: int, files: Iterable[Config | Secret]) -> None:
    """Whether a config or secret may be created so. Raises RpcError."""
    name = spec.get("Name", "")
    check_file_name(name)
    if not 0 < len(data) < limit:
        raise RpcError("InvalidArgument", f"{kind} data must be larger than 0 and less than {limit} bytes")
    check_name_free(name, kind, files)


def check_name_free(name: str, kind: str, files: Iterable[Config | Secret]) -> None:
    """Names are unique without regard to case."""
    if any(one.name.lower() == name.lower() for one in files):
        raise RpcError("AlreadyExists", f"{kind} {name} already exists")


def check_change(old: Config | Secret, spec: Raw, data: bytes) -> None:
    """Only labels may change; equal or no content is fine. Raises RpcError."""
    if spec.get("Name", "") != old.name or (data and data != old.data):
        raise RpcError("InvalidArgument", "only updates to Labels are allowed")


def check_unused(view: View, file: Config | Secret, kind: str) -> None:
    """A file that the current spec of a service names can't be removed; previous specs don't count."""
    prefix = kind.capitalize()
    users = []
    for service in sorted(view.services.values(), key=lambda one: one.id):
        container = service.spec["TaskTemplate"]["ContainerSpec"]
        if any(one[f"{prefix}ID"] == file.id for one in container.get(f"{prefix}s", [])):
            users.append(service.name)
    if users:
        word = "service" if len(users) == 1 else "services"
        raise RpcError(
            "InvalidArgument",
            f"{kind} '{file.name}' is in use by the following {word}: {', '.join(users)}",
        )


def content(text: str, schema: str) -> bytes:
    """Decode base64 as Go does, line breaks allowed. Raises Mismatch with the place of the fault."""
    try:
        return base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
    except ValueError as error:
        why = f"illegal base64 data at input byte {_fault(text)}"
        raise Mismatch("string", "[]uint8", Place(schema, schema, ("Data",)), why) from error


def _fault(text: str) -> int:
    """Where Go's decoder stops: at the odd character, or at the start of the group that is cut short."""
    group: list[int] = []
    for place, char in enumerate(text):
        if char in "\r\n":
            continue
        if char == "=":
            return _padding_fault(text, place, len(group))
        if char not in ALPHABET:
            return place
        group = [*group, place] if len(group) < 4 else [place]
    return len(text) - len(group) % 4


def _padding_fault(text: str, place: int, before: int) -> int:
    """The fault at or after the first padding, `before` characters into its group."""
    if before % 4 in (0, 1):
        return place
    rest = [index for index in range(place + 1, len(text)) if text[index] not in "\r\n"]
    if before == 2:
        if not rest:
            return len(text)
        if text[rest[0]] != "=":
            return rest[0] - 1
        rest = rest[1:]
    return rest[0] if rest else len(text)
