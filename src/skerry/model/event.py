"""Something that happened to the swarm, in words: what `skerry events` shows."""

from __future__ import annotations

from msgspec import Struct

EVENTS_KEPT = 10_000


class Event(Struct, frozen=True):
    """One row; `at` is nanoseconds."""

    at: int
    kind: str
    """A word for programs and filters: `failed`, `ready`, `update`, …"""
    text: str
    subject: str = ""
    """What it is about: `web.2`, `web`, a network's name; "" for the machine."""
    service: str = ""
    stack: str = ""
    trouble: bool = False
    """It is something that nobody wished."""
