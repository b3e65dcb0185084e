"""Who is at the other end of the API's socket."""

from __future__ import annotations

import pwd
import socket
import struct

from aiohttp import web


def peer(request: web.Request) -> tuple[int, int]:
    """Process and user at the other end of the socket; user -1 where that is not known."""
    sock = request.transport.get_extra_info("socket") if request.transport is not None else None
    if sock is None or sock.family != socket.AF_UNIX:
        return 0, -1
    size = struct.calcsize("3i")
    pid, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return pid, uid


def user(request: web.Request) -> str:
    """The name of the user at the other end, or the number where it has none; "" where that is not known."""
    _, uid = peer(request)
    if uid < 0:
        return ""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
