"""Configs."""

from __future__ import annotations

from skerry.control import access, files
from skerry.core.view import View
from skerry.model.objects import Config, Raw
from skerry.store.store import Store, Tx

LIMIT = 1000 * 1024
"""Bytes; a config has fewer."""


def find(view: View, ref: str) -> Config:
    """A config by ID, name or ID prefix. Raises NotFound, InvalidParameter, Unavailable."""
    return files.find(view, "config", view.configs.values(), ref)


async def create(store: Store, body: Raw) -> str:
    """Create a config from a ConfigSpec (`Data` in base64); its ID."""

    def write(tx: Tx) -> str:
        access.require_swarm(tx.view)
        return add(tx, body).id

    return await store.update(write)


def add(tx: Tx, body: Raw) -> Config:
    """Write a config that nothing is wrong with. Raises RpcError."""
    spec, data = files.split(body)
    files.check_new(spec, data, "config", LIMIT, tx.view.configs.values())
    return tx.put(Config(tx.new_id(), spec["Name"], spec, data))


async def update(store: Store, ref: str, version: str | None, body: Raw) -> None:
    """Change a config's labels. Raises RpcError where anything else differs, or the version is stale."""
    spec, data = files.split(body)
    await files.relabel(store, find, ref, access.version_number(version, "config"), spec, data)


async def remove(store: Store, ref: str) -> None:
    """Delete a config that no service uses. Raises RpcError where one does."""
    await files.remove(store, find, ref, "config")
