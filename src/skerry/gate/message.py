"""What skerryd and the gate say to each other: one JSON object a line over `<run>/gate.sock`."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from skerry.model.traffic import Traffic

HOLD_PORT = 9
"""Where TCP for any VIP is sent inside the gate's namespace."""

LINE_LIMIT = 64 * 1024 * 1024


class ResolverOptions(Struct, frozen=True):
    """How the machine's resolv.conf wants its nameservers to be asked."""

    timeout_s: float = 5.0
    attempts: int = 2
    rotate: bool = False


class Desired(Struct, frozen=True):
    """skerryd to gate: everything that the gate shall do. Replaces what was said before."""

    serial: int
    traffic: Traffic
    upstreams: tuple[str, ...] = ()
    """The host's own nameservers."""
    resolver: ResolverOptions = ResolverOptions()


class Status(Struct, frozen=True):
    """Gate to skerryd: on connecting, in answer to each `Desired`, and when what is refused changes."""

    pid: int
    namespace: int
    """Inode of the network namespace that it serves in."""
    serial: int = 0
    """Of the last `Desired` that is applied; 0 before any."""
    reserved: tuple[str, ...] = ()
    """Published ports held by a listening socket, e.g. `tcp/80`."""
    refused: dict[str, str] = {}
    """Why others are not: `{"tcp/80": "address already in use"}`."""
    version: str = ""
    """The gate's own, that of its skerry."""
    held: int = 0
    """Connections that wait for a backend."""
    relayed: int = 0
    """Connections that it copies."""
    refusing: tuple[str, ...] = ()
    """Why connections were refused lately instead of being held."""


def encode(message: Desired | Status) -> bytes:
    """One line."""
    return msgspec.json.encode(message) + b"\n"


def read_desired(line: bytes) -> Desired:
    """Parse a line of skerryd. Raises msgspec.DecodeError."""
    return msgspec.json.decode(line, type=Desired)


def read_status(line: bytes) -> Status:
    """Parse a line of the gate. Raises msgspec.DecodeError."""
    return msgspec.json.decode(line, type=Status)
