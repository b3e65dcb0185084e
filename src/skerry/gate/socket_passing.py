"""Handing sockets from one process to another over a unix socket, so that no port closes between two gates.

Who gives, says in a row of messages what it has, each with its file descriptors beside it; an empty message
ends the row. The first row are listening sockets and the last desired state. The taker serves with them and
says `TAKEN`; only then the giver lets go, and gives in a second row the connections that it held.
"""

from __future__ import annotations

import array
import asyncio
import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from skerry.gate.message import Desired

TAKEN = b"taken"
TAKE, KEEP = b"take", b"keep"
"""What a taker asks for: to be the next gate, or to keep copies in case that the gate dies."""

API = "api"
API_TLS = "tls"

BACKLOG = 100
BATCH = 60
"""Descriptors a message; the kernel takes 253."""
ROW_S = 20.0
"""How long either side waits for the other's next word."""
_LIMIT = 64 * 1024


class Item(Struct, frozen=True, omit_defaults=True):
    """One file descriptor, by what it is.

    `kind`: `lock`; `desired` (a file with the JSON of a `Desired`); `hold` (`key` is `ip6` over IPv6), `udp`,
    `tcp` (DNS on the leg `key`), `port` (`key` is `tcp/80`), `api` (`key` is `INODE.TIME:PATH` of its file),
    `tls` (the API's too; `key` is `tcp://HOST:PORT`): listening sockets; `held`: a connection that wants
    `key` (a VIP, or with `published` a port's key) at `port`, since `since` (monotonic seconds).
    """

    kind: str
    key: str = ""
    port: int = 0
    published: bool = False
    since: float = 0.0


Parcel = list[tuple[Item, int]]
"""Items with their descriptors."""


def give(connection: socket.socket, parcel: Parcel) -> None:
    """Send a row. Blocks. Raises OSError; the descriptors stay the giver's too."""
    connection.settimeout(ROW_S)
    for at in range(0, len(parcel), BATCH):
        batch = parcel[at : at + BATCH]
        names = msgspec.json.encode([item for item, _ in batch])
        socket.send_fds(connection, [names], [handle for _, handle in batch])
    connection.send(b"[]")


def take(connection: socket.socket) -> Parcel:
    """Receive a row. Blocks. Raises OSError where the other side ends, or says what is no row."""
    connection.settimeout(ROW_S)
    parcel: Parcel = []
    try:
        while True:
            names, handles = _received(connection)
            items = msgspec.json.decode(names, type=list[Item]) if names else None
            if items is None or len(items) != len(handles):
                close_all(zip([Item("")] * len(handles), handles, strict=True))
                raise ConnectionError("the other side gave up")
            if not items:
                return parcel
            parcel += zip(items, handles, strict=True)
    except (OSError, msgspec.DecodeError) as error:
        close_all(parcel)
        raise ConnectionError(str(error)) from error


def _received(connection: socket.socket) -> tuple[bytes, list[int]]:
    room = socket.CMSG_SPACE(BATCH * array.array("i").itemsize)
    names, ancillary, _, _ = connection.recvmsg(_LIMIT, room, socket.MSG_CMSG_CLOEXEC)
    handles = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            handles.frombytes(data[: len(data) - len(data) % handles.itemsize])
    return names, list(handles)


def close_all(parcel: Iterable[tuple[Item, int]]) -> None:
    """Close every descriptor of a parcel."""
    for _, handle in parcel:
        with suppress(OSError):
            os.close(handle)


def as_file(desired: Desired) -> int:
    """A state as a file in memory, since it may be longer than a message."""
    handle = os.memfd_create("skerry-desired")
    with os.fdopen(os.dup(handle), "wb") as file:
        file.write(msgspec.json.encode(desired))
    return handle


def from_file(handle: int) -> Desired:
    """The state of such a file, which is closed. Raises msgspec.DecodeError."""
    with os.fdopen(handle, "rb") as file:
        file.seek(0)
        return msgspec.json.decode(file.read(), type=Desired)


class Inherited:
    """Sockets that came with the process; who needs one takes it by its kind and key."""

    def __init__(self, parcel: Iterable[tuple[Item, int]] = ()) -> None:
        self.desired: Desired | None = None
        self._sockets: dict[tuple[str, str], socket.socket] = {}
        self._kept: list[int] = []
        for item, handle in parcel:
            if item.kind == "desired":
                self.desired = from_file(handle)
            elif item.kind == "lock":
                self._kept.append(handle)
            else:
                self._sockets[item.kind, item.key] = socket.socket(fileno=handle)

    def get(self, kind: str, key: str = "") -> socket.socket | None:
        """The socket, which is then the caller's."""
        inherited = self._sockets.pop((kind, key), None)
        if inherited is not None:
            inherited.setblocking(False)
        return inherited

    def of(self, *kinds: str) -> dict[Item, socket.socket]:
        """The sockets of some kinds, which are then the caller's."""
        items = [Item(kind, key) for kind, key in self._sockets if kind in kinds]
        return {item: sock for item in items if (sock := self.get(item.kind, item.key)) is not None}

    @property
    def lock(self) -> int | None:
        """The descriptor that holds the run directory's lock."""
        return self._kept[0] if self._kept else None

    def close_rest(self) -> None:
        """What nobody took."""
        for unused in self._sockets.values():
            unused.close()
        self._sockets.clear()


def listen(path: Path, kind: int = socket.SOCK_SEQPACKET) -> socket.socket:
    """A listening socket in the place of a former one. Only root may connect."""
    listener = socket.socket(socket.AF_UNIX, kind | socket.SOCK_NONBLOCK)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        listener.bind(str(fresh))
    finally:
        os.umask(before)
    listener.listen(BACKLOG)
    fresh.rename(path)
    return listener


async def ask(path: Path, request: bytes) -> tuple[socket.socket, Parcel]:
    """Ask a gate for its sockets: the connection, for what follows, and the first row. Raises OSError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.settimeout(ROW_S)
        await asyncio.to_thread(connection.connect, str(path))
        await asyncio.to_thread(connection.send, request)
        return connection, await asyncio.to_thread(take, connection)
    except BaseException:
        connection.close()
        raise
