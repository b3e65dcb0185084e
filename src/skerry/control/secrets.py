"""Secrets: like configs, but that their content is encrypted on disk and in no answer."""

from __future__ import annotations

from skerry.control import files
from skerry.control.names import check_file_name
from skerry.core.versions import is_former, next_number
from skerry.core.view import View
from skerry.model.errors import RpcError
from skerry.model.files import KeptSecret, Secret
from skerry.model.go.strconv import quote
from skerry.model.objects import Raw
from skerry.store.store import Store, Tx

LIMIT = 500 * 1024
"""Bytes; a secret has fewer."""


def find(view: View, ref: str) -> Secret:
    """A secret by ID, name or ID prefix. Raises NotFound, InvalidParameter, Unavailable."""
    return files.find(view, "secret", view.secrets.values(), ref)


def look_up(view: View, ref: str) -> Secret | KeptSecret:
    """The same, and by its whole ID also a former version. Raises what `find` does."""
    kept = view.kept_secrets.get(ref)
    return kept if kept is not None and is_former(view, kept) else find(view, ref)


async def create(store: Store, body: Raw, by: str = "") -> str:
    """Create a secret from a SecretSpec (`Data` in base64), for whoever asks for it; its ID."""
    return await files.create(store, add, body, by)


def add(tx: Tx, body: Raw, by: str = "") -> Secret:
    """Write a secret that nothing is wrong with. Raises RpcError."""
    spec, data = files.split(body)
    check(spec, data)
    files.check_name_free(spec["Name"], "secret", tx.view.secrets.values())
    number = next_number(tx.view, "secret", spec["Name"])
    return tx.put(Secret(tx.new_id(), spec["Name"], spec, data, number=number, by=by))


def check(spec: Raw, data: bytes) -> None:
    """Whether a secret may have this content. Raises RpcError."""
    if "Driver" in spec:
        _refuse_driver(spec)
    files.check_content(spec, data, "secret", LIMIT)


def _refuse_driver(spec: Raw) -> None:
    """Secrets from elsewhere need a plugin of the engine's secretprovider kind, which skerry never asks."""
    check_file_name(spec.get("Name", ""))
    driver = spec["Driver"].get("Name", "")
    if not driver:
        raise RpcError("InvalidArgument", "secret driver must have a name")
    raise RpcError("Unknown", f"plugin {quote(driver)} not found")


async def remove(store: Store, ref: str) -> None:
    """Delete a secret that no service uses. Raises RpcError where one does."""
    await files.remove(store, find, ref, "secret")
