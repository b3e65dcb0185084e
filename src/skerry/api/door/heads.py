"""The head of an HTTP/1 request: what the front door decides by, and what it hands on.

Nothing is handed on as it came. A head is read strictly, so that nobody behind the door could read it in
another way, and written afresh with the length of its body said once. What is ambiguous is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from skerry.api.door.bodies import BodyReader, Chunked, Sized
from skerry.api.door.target import BadTarget, Target, read_target

LIMIT = (1 << 20) + 4096
"""The longest head that is read, in bytes: what dockerd takes."""

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^\x00-\x20\x7f]+) (HTTP/1\.[01])")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\x00]*)")
_NO_METHODS = (b"CONNECT", b"PRI")
"""Their targets are no paths; what follows them is no HTTP/1."""

_HOP = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"http2-settings"}
_FRAMING = {b"content-length", b"transfer-encoding"}
_LENGTH = re.compile(rb"[0-9]{1,18}")
_IN_NO_HEAD = re.compile(rb"\x00|(?<!\r)\n")


class BadHead(ValueError):
    """These bytes are no request. The text says why, where dockerd would say it too, or would take them."""

    def __init__(self, reason: str = "", status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Head:
    """A request's head; `fields` are its header lines in order, `length` its body's (None: in chunks)."""

    method: str
    target: Target
    protocol: str
    fields: tuple[tuple[bytes, bytes], ...]
    length: int | None = 0

    @property
    def path(self) -> str:
        """The decoded path without query and without `/vX.YY`."""
        return self.target.route

    @cached_property
    def upgrades(self) -> bool:
        """Whether the client asks to go on in another protocol where the engine does that (attach, exec,
        BuildKit's session); anywhere else the wish is not handed on."""
        return self.hijacks and any(name.lower() == b"upgrade" for name, _ in self.fields)

    @cached_property
    def hijacks(self) -> bool:
        """Whether the engine takes the connection out of HTTP on this route."""
        return self.target.hijacks(self.method)

    @cached_property
    def keeps(self) -> bool:
        """Whether another request may follow on the connection."""
        wishes = b",".join(value for name, value in self.fields if name.lower() == b"connection")
        return self.protocol == "HTTP/1.1" and b"close" not in re.split(rb"[ \t,]+", wishes.lower())

    def body(self) -> BodyReader:
        """What follows the head, still to be read."""
        return Chunked() if self.length is None else Sized(self.length)

    def render(self, *, close: bool) -> bytes:
        """The head as it is handed on; `close` makes it the last request of its connection there."""
        dropped = _HOP | _FRAMING if self.upgrades else _HOP | _FRAMING | {b"upgrade"}
        lines = [f"{self.method} {self.target.render()} {self.protocol}".encode("latin-1")]
        lines += [name + b": " + value for name, value in self.fields if name.lower() not in dropped]
        if self.length is None:
            lines.append(b"Transfer-Encoding: chunked")
        elif self.length or any(name.lower() == b"content-length" for name, _ in self.fields):
            lines.append(b"Content-Length: %d" % self.length)
        if self.upgrades:
            lines.append(b"Connection: Upgrade")
        elif close:
            lines.append(b"Connection: close")
        return b"\r\n".join(lines) + b"\r\n\r\n"


class HeadReader:
    """Collects what a client sends until a head is whole; what follows it stays in `buffer`."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self._looked = 0
        """So far the buffer was looked through, and holds no whole head."""
        self._line_ended = False

    def read(self) -> Head | None:
        """Take the next head off the buffer; None while it is not whole. Raises BadHead."""
        if not self._looked:
            del self.buffer[: len(self.buffer) - len(self.buffer.lstrip(b"\r\n"))]
        end = self.buffer.find(b"\r\n\r\n", max(self._looked - 3, 0))
        if (len(self.buffer) if end < 0 else end) > LIMIT:
            raise BadHead(status=431)
        if end < 0:
            self._look()
            return None
        block = bytes(self.buffer[:end])
        del self.buffer[: end + 4]
        self._looked, self._line_ended = 0, False
        return parse(block)

    def _look(self) -> None:
        """Refuse TLS and the like before a time-out does. Raises BadHead."""
        if _IN_NO_HEAD.search(self.buffer, self._looked):
            raise BadHead
        end = self.buffer.find(b"\r\n", max(self._looked - 1, 0))
        if end >= 0 and not self._line_ended:
            self._line_ended = True
            if _REQUEST_LINE.fullmatch(bytes(self.buffer[:end])) is None:
                raise BadHead
        self._looked = len(self.buffer)


def parse(block: bytes) -> Head:
    """Read a whole head (without the empty line). Raises BadHead."""
    first, *rest = block.split(b"\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if line is None or line[1] in _NO_METHODS:
        raise BadHead
    fields = []
    for raw in rest:
        field = _FIELD.fullmatch(raw)
        if field is None:
            raise BadHead("malformed header line")
        fields.append((field[1], field[2].rstrip(b" \t")))
    try:
        target = read_target(line[2])
    except BadTarget as error:
        raise BadHead from error
    protocol = line[3].decode()
    return Head(line[1].decode(), target, protocol, tuple(fields), _length(fields, protocol))


def _length(fields: list[tuple[bytes, bytes]], protocol: str) -> int | None:
    """Bytes of the body; None: it comes in chunks. Raises BadHead where two readers could disagree."""
    codings = [value.lower() for name, value in fields if name.lower() == b"transfer-encoding"]
    lengths = {value for name, value in fields if name.lower() == b"content-length"}
    if codings:
        if codings != [b"chunked"] or lengths or protocol != "HTTP/1.1":
            raise BadHead("the length of the body is not clear")
        return None
    if not lengths:
        return 0
    if len(lengths) > 1 or not _LENGTH.fullmatch(value := lengths.pop()):
        raise BadHead("bad Content-Length")
    return int(value)
