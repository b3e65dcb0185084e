"""Who is at the other end of a connection to the API."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Caller:
    """A process of this machine at the API's unix socket, or a user whose certificate was seen."""

    user: str = ""
    """The ID of a `User`; empty for a process."""
    pid: int = 0
    uid: int = -1
    """Of a process; -1 where that is not known."""
    address: str = ""
    """Where a user comes from, `HOST:PORT`."""


NOBODY = Caller()
"""Of a process that nothing is known of."""
