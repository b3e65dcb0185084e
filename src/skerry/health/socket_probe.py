"""A probe by socket: what `curl`, `wget` or `nc` would find, found without a process in the container."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
from dataclasses import dataclass

from skerry.health.probe import HttpProbe, Probe
from skerry.health.sockets import Sockets
from skerry.model.defaults import SECOND

CHUNK = 16 * 1024
HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 64 * 1024 * 1024
"""A longer answer is none of a health check."""
OUTPUT_LIMIT = 4096
_STATUS = re.compile(rb"HTTP/1\.[0-9] +([0-9]{3})(?:[ \t].*)?", re.DOTALL)
_LENGTH = re.compile(rb"[0-9]{1,18}")
_NEXT = (errno.ECONNREFUSED, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENETUNREACH)


class Unsure(Exception):
    """Only the command itself can tell."""


class _EndlessError(Exception):
    """Where the answer ends can't be waited for."""


@dataclass(frozen=True)
class SocketResult:
    """How a probe ended, as a command would have: an exit code, and some output."""

    exit_code: int
    output: str


async def probe_by_socket(probe: Probe, sockets: Sockets, pid: int, limit: int) -> SocketResult:
    """Do what the probe says within `limit` (ns). Raises Unsure, and OSError where the container is gone.

    Code -1 means out of time, as for a command.
    """
    program = sockets.program(pid, probe.tool) if probe.tool else ""
    if probe.tool and not program:
        raise Unsure
    own = probe.timeout if 0 < probe.timeout < limit else 0
    try:
        async with asyncio.timeout((own or limit) / SECOND):
            return await _try(probe, sockets, pid, program)
    except TimeoutError:
        if not own:
            return SocketResult(-1, "")
        if probe.tool == "wget":  # some try again
            raise Unsure from None
        return SocketResult(probe.code("late", program), f"no answer within {own / SECOND:g} s")


async def _try(probe: Probe, sockets: Sockets, pid: int, program: str) -> SocketResult:
    connection = await _connected(probe, sockets, pid)
    if connection is None:
        where = f"{probe.hosts[-1]} port {probe.port}"
        return SocketResult(
            probe.code("refused", program), f"Failed to connect to {where}: connection refused"
        )
    try:
        if isinstance(probe, HttpProbe):
            return await _request(probe, connection, program)
        return SocketResult(0, "")
    finally:
        connection.close()


async def _connected(probe: Probe, sockets: Sockets, pid: int) -> socket.socket | None:
    """A connection to the first loopback address that takes one; None where all refuse. Raises Unsure for
    any other failure."""
    for host in probe.hosts:
        connection = await sockets.open(pid, host)
        try:
            await asyncio.get_running_loop().sock_connect(connection, (host, probe.port))
        except OSError as error:
            connection.close()
            if error.errno not in _NEXT:
                raise Unsure from error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    return None


async def _request(probe: HttpProbe, connection: socket.socket, program: str) -> SocketResult:
    """Send the request and judge the answer as the program would: its status, and whether it is whole."""
    method = "GET" if program == "busybox" else "HEAD" if probe.tool == "wget" else probe.method
    lines = [f"{method} {probe.target} HTTP/1.1", *(f"{name}: {value}" for name, value in probe.headers)]
    request = "\r\n".join([*lines, "Connection: close", "", ""])
    try:
        await asyncio.get_running_loop().sock_sendall(connection, request.encode())
        head, body, hinted = await _head(connection)
        if hinted and program == "busybox":  # it takes the hint for the answer
            raise Unsure
        status = _status(head)
        if status is None:
            return SocketResult(probe.code("silent", program), "empty reply")
        if status >= 400:
            return SocketResult(probe.code("status", program), f"The requested URL returned error: {status}")
        if probe.passes(status) is None:
            raise Unsure
        whole: bytes | None = b""
        if method != "HEAD" and program != "busybox" and status not in (204, 304):
            whole = await _rest(connection, head, body)
    except ConnectionError as error:
        return SocketResult(probe.code("cut", program), str(error))
    except _EndlessError as error:
        return SocketResult(probe.code("cut", program), str(error))
    if whole is None:
        return SocketResult(probe.code("cut", program), "the answer was cut off")
    return SocketResult(0, "" if probe.mute else whole.decode(errors="replace"))


async def _head(connection: socket.socket) -> tuple[bytes, bytes, bool]:
    """The head of the final answer (empty where none came), what came after it, and whether a 1xx came
    before."""
    data, hinted = b"", False
    while True:
        head, end, after = data.partition(b"\r\n\r\n")
        if end and (_status(head) or 0) // 100 != 1:
            return head, after, hinted
        if end:
            data, hinted = after, True
            continue
        more = await _received(connection)
        if not more or len(data) > HEAD_LIMIT:
            return b"", b"", hinted
        data += more


async def _received(connection: socket.socket) -> bytes:
    """What has come. Others have their turn before it is looked at: where something is always there, the
    loop would be this connection's alone, and no time would ever run out."""
    await asyncio.sleep(0)
    return await asyncio.get_running_loop().sock_recv(connection, CHUNK)


def _status(head: bytes) -> int | None:
    """The status of an answer, None for what is no answer; it has three digits."""
    match = _STATUS.fullmatch(head.partition(b"\r\n")[0])
    return int(match[1]) if match else None


async def _rest(connection: socket.socket, head: bytes, body: bytes) -> bytes | None:
    """The beginning of the body, once all of it has come; None where it was cut off. Raises _EndlessError."""
    length, chunked = _framing(head)
    beginning, total = body[:OUTPUT_LIMIT], len(body)
    tail = body[-5:]
    while not (total >= length if length is not None else chunked and tail == b"0\r\n\r\n"):
        more = await _received(connection)
        if not more:
            return beginning if length is None and not chunked else None
        beginning = (beginning + more)[:OUTPUT_LIMIT]
        total += len(more)
        if total > BODY_LIMIT:
            raise _EndlessError(f"the answer is longer than {BODY_LIMIT >> 20} MiB")
        tail = (tail + more)[-5:]
    return beginning


def _framing(head: bytes) -> tuple[int | None, bool]:
    """The body's length if it is told, and whether it comes in chunks."""
    length, chunked = None, False
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            if not _LENGTH.fullmatch(value.strip()):
                raise _EndlessError("the answer's length is none")
            length = int(value)
        if name.strip().lower() == b"transfer-encoding":
            chunked = b"chunked" in value.lower()
    return (None, True) if chunked else (length, False)
