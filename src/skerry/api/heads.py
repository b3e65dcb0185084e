"""The head of an HTTP/1 request, read without a body parser: what the front door decides by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

LIMIT = 64 * 1024
"""The longest head that is read, in bytes."""

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^\x00-\x20\x7f]+) (HTTP/1\.[01])")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\x00]*)")
_VERSION = re.compile(r"/v\d+\.\d+(/.*)")
_PLAIN = {"GET", "HEAD", "POST", "PUT", "DELETE"}
_HOP = {b"connection", b"keep-alive", b"proxy-connection"}


class BadHead(ValueError):
    """These bytes are no request."""


@dataclass(frozen=True)
class Head:
    """A request's head; `fields` are its header lines in order, as they were sent."""

    method: str
    target: str
    protocol: str
    fields: tuple[tuple[bytes, bytes], ...]

    @property
    def path(self) -> str:
        """The decoded path without query and without `/vX.YY`."""
        path = self.target
        if "://" in path.partition("?")[0]:
            path = "/" + path.split("://", 1)[1].partition("/")[2]
        path = unquote(path.partition("?")[0])
        versioned = _VERSION.fullmatch(path)
        return versioned.group(1) if versioned else path

    @property
    def upgrades(self) -> bool:
        """Whether the client asks to go on in another protocol (attach, exec, BuildKit's session)."""
        return any(name.lower() == b"upgrade" for name, _ in self.fields)

    @property
    def keeps(self) -> bool:
        """Whether another request may follow on the connection: where this one ends is known, and the
        client wants nothing else."""
        plain = self.method in _PLAIN and self.protocol == "HTTP/1.1" and self.length is not None
        wishes = {value.lower() for name, value in self.fields if name.lower() == b"connection"}
        return plain and wishes <= {b"keep-alive"}

    @property
    def length(self) -> int | None:
        """Bytes of the body; None where only reading it tells, or the head contradicts itself."""
        if any(name.lower() == b"transfer-encoding" for name, _ in self.fields):
            return None
        lengths = {value for name, value in self.fields if name.lower() == b"content-length"}
        if not lengths:
            return 0
        (value, *others) = lengths
        return int(value) if not others and value.isdigit() and len(value) < 19 else None

    def render(self, *, close: bool, upgrade: bool = True) -> bytes:
        """The head again; `close` makes it the connection's last request, `upgrade` keeps that field."""
        dropped = _HOP if close else set()
        if not upgrade:
            dropped = dropped | {b"upgrade"}
        lines = [f"{self.method} {self.target} {self.protocol}".encode("latin-1")]
        lines += [name + b": " + value for name, value in self.fields if name.lower() not in dropped]
        if close:
            lines.append(b"Connection: close")
        return b"\r\n".join(lines) + b"\r\n\r\n"


def split(data: bytes) -> tuple[Head, bytes] | None:
    """The head and what follows it, or None while the head is not whole. Raises BadHead."""
    data = data.lstrip(b"\r\n")
    end = data.find(b"\r\n\r\n")
    if end > LIMIT or (end < 0 and len(data) > LIMIT):
        raise BadHead("request header too long")
    if end < 0:
        if not _plausible(data):
            raise BadHead("malformed request line")
        return None
    return parse(data[:end]), data[end + 4 :]


def parse(block: bytes) -> Head:
    """Read a whole head (without the empty line). Raises BadHead."""
    first, *rest = block.split(b"\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        raise BadHead("malformed request line")
    fields = []
    for raw in rest:
        found = _FIELD.fullmatch(raw)
        if found is None:
            raise BadHead("malformed header line")
        fields.append((found.group(1), found.group(2).rstrip(b" \t")))
    method, target, protocol = (part.decode("latin-1") for part in line.groups())
    return Head(method, target, protocol, tuple(fields))


def _plausible(data: bytes) -> bool:
    """Whether an unfinished head may still become one: refuse TLS and the like before a time-out does."""
    first, ended, _ = data.partition(b"\r\n")
    return _REQUEST_LINE.fullmatch(first) is not None if ended else b"\x00" not in first
