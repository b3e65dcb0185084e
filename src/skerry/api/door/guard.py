"""What the door asks before it lets a request through to the engine, and whom it tells what came of it."""

from __future__ import annotations

import socket
import struct
from typing import Protocol

from aiohttp import web

from skerry.api.door.heads import Head
from skerry.model.caller import Caller

_CREDENTIALS = struct.Struct("3i")


class Guard(Protocol):
    """Decides who may ask the engine what; skerry's own endpoints have the same decision behind the door."""

    def refusal(self, caller: Caller, head: Head, /) -> str:
        """Why a request may not go to the engine, as a sentence; empty where it may."""

    def answered(self, caller: Caller, head: Head, status: int, /, reason: str = "") -> None:
        """A request that was the engine's has an answer of this status, or was refused for a reason."""


GUARD = web.AppKey("guard", Guard)


class Unguarded:
    """Everybody may ask everything, and nobody wants to know: who has the socket is root."""

    def refusal(self, caller: Caller, head: Head, /) -> str:
        """Nothing is refused."""
        return ""

    def answered(self, caller: Caller, head: Head, status: int, /, reason: str = "") -> None:
        """Nothing is kept."""


def peer(sock: socket.socket | None) -> Caller:
    """The process at the other end of a unix socket."""
    if sock is None or sock.family != socket.AF_UNIX:
        return Caller()
    pid, uid, _ = _CREDENTIALS.unpack(
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return Caller(pid=pid, uid=uid)
