"""Databases whose key is locked."""

from __future__ import annotations

from msgspec.structs import replace

from skerry.model.objects import Cluster
from skerry.store.sqlite import SqlitePersistence
from skerry.store.store import Change
from tests.store.rows import ALL

PLAIN = replace(next(row for row in ALL if isinstance(row, Cluster)), unlock_key="")


REST = [one for one in ALL if not isinstance(one, Cluster)]


def with_key(key: str) -> Cluster:
    return replace(PLAIN, unlock_key=key)


def change_key(disk: SqlitePersistence, index: int, before: str, after: str) -> None:
    disk.write(index, (Change(with_key(before), with_key(after)),))
