"""What configs and secrets have in common: named content, used by services."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from msgspec.structs import replace

from skerry.control import access, octets
from skerry.control.names import check_file_name
from skerry.core import keeping
from skerry.core.versions import kind_of
from skerry.core.view import View
from skerry.model.errors import RpcError
from skerry.model.files import Config, File, Secret, kept_of, shown_of
from skerry.model.objects import Raw
from skerry.store.store import Store, Tx

Shown = TypeVar("Shown", Config, Secret)
Find = Callable[[View, str], File]
"""Finds one by what the user calls it."""
Add = Callable[[Tx, Raw, str], File]
"""Writes a new one."""


def find(view: View, kind: str, files: Iterable[Shown], ref: str) -> Shown:
    """A file by ID, name (in any case, as Docker has it for these two) or ID prefix."""
    return access.find(view, kind, files, ref, lambda file: file.name.lower() == ref.lower())


def split(body: Raw) -> tuple[Raw, bytes]:
    """The spec without its content, and the content."""
    spec = {"Labels": {}, **body}
    return spec, octets.read(spec.pop("Data", ""))


async def create(store: Store, add: Add, body: Raw, by: str) -> str:
    """Create one from its spec (`Data` in base64), for whoever asks; its ID. Raises what `add` does."""

    def write(tx: Tx) -> str:
        access.require_swarm(tx.view)
        return add(tx, body, by).id

    return await store.update(write)


def put_labels(tx: Tx, file: File, labels: Raw) -> None:
    """Write one with other labels."""
    tx.put(replace(file, spec={**file.spec, "Labels": labels}))


async def remove(store: Store, find_one: Find, ref: str, kind: str) -> None:
    """Delete one that no service uses. Raises RpcError where one does."""

    def write(tx: Tx) -> None:
        delete(tx, find_one(tx.view, ref), kind)

    await store.update(write)


def delete(tx: Tx, file: File, kind: str) -> None:
    """Delete one that no service uses. Raises RpcError where one does."""
    check_unused(tx.view, file, kind)
    put_away(tx, file)


def put_away(tx: Tx, file: File) -> None:
    """Take one out of all lists, and its name with it. Its content is held for as long as a revision or a
    release that is kept has it."""
    tx.delete(file)
    if file.id in keeping.files_needed(tx.view):
        tx.put(kept_of(file))


def show_again(tx: Tx, spec: Raw) -> None:
    """Have the lists show what a spec uses and is only kept, unless its name is another one's by now: then
    the service has it by its ID alone."""
    for file in keeping.files_to_show(tx.view, spec):
        if not is_taken(file.name, tx.view.files(kind_of(file)).values()):
            tx.delete(file)
            tx.put(shown_of(file))


def settle(tx: Tx) -> bool:
    """Show what services use again, and forget what nothing needs; whether there was anything to do."""
    for service in sorted(tx.view.services.values(), key=lambda service: service.id):
        show_again(tx, service.spec.raw)
    for file in keeping.files_needless(tx.view):
        tx.delete(file)
    return bool(tx.changes())


def check_content(spec: Raw, data: bytes, kind: str, limit: int) -> None:
    """Whether a config or secret may be called so, and have this content. Raises RpcError."""
    check_file_name(spec.get("Name", ""))
    if not 0 < len(data) < limit:
        raise RpcError("InvalidArgument", f"{kind} data must be larger than 0 and less than {limit} bytes")


def check_name_free(name: str, kind: str, files: Iterable[File]) -> None:
    """Whether a name may be given. Raises RpcError."""
    if is_taken(name, files):
        raise RpcError("AlreadyExists", f"{kind} {name} already exists")


def is_taken(name: str, files: Iterable[File]) -> bool:
    """Names are unique without regard to case."""
    return any(file.name.lower() == name.lower() for file in files)


def check_change(old: File, spec: Raw, data: bytes) -> None:
    """Only labels may change; equal or no content is fine. Raises RpcError."""
    if spec.get("Name", "") != old.name or (data and data != old.data):
        raise RpcError("InvalidArgument", "only updates to Labels are allowed")


def check_unused(view: View, file: File, kind: str) -> None:
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
