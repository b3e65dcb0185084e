"""Configs."""

from __future__ import annotations

from skerry.control import files
from skerry.core.versions import is_former, next_number
from skerry.core.view import View
from skerry.model.files import Config, KeptConfig
from skerry.model.objects import Raw
from skerry.store.store import Store, Tx

LIMIT = 1000 * 1024
"""Bytes; a config has fewer."""


def find(view: View, ref: str) -> Config:
    """A config by ID, name or ID prefix. Raises NotFound, InvalidParameter, Unavailable."""
    return files.find(view, "config", view.configs.values(), ref)


def look_up(view: View, ref: str) -> Config | KeptConfig:
    """The same, and by its whole ID also a former version. Raises what `find` does."""
    kept = view.kept_configs.get(ref)
    return kept if kept is not None and is_former(view, kept) else find(view, ref)


async def create(store: Store, body: Raw, by: str = "") -> str:
    """Create a config from a ConfigSpec (`Data` in base64), for whoever asks for it; its ID."""
    return await files.create(store, add, body, by)


def add(tx: Tx, body: Raw, by: str = "") -> Config:
    """Write a config that nothing is wrong with. Raises RpcError."""
    spec, data = files.split(body)
    check(spec, data)
    files.check_name_free(spec["Name"], "config", tx.view.configs.values())
    number = next_number(tx.view, "config", spec["Name"])
    return tx.put(Config(tx.new_id(), spec["Name"], spec, data, number=number, by=by))


def check(spec: Raw, data: bytes) -> None:
    """Whether a config may have this content. Raises RpcError."""
    files.check_content(spec, data, "config", LIMIT)


async def remove(store: Store, ref: str) -> None:
    """Delete a config that no service uses. Raises RpcError where one does."""
    await files.remove(store, find, ref, "config")
