"""The body of an HTTP/1 message, of which only the end is looked for."""

from __future__ import annotations

import re
from typing import Protocol

LINE_LIMIT = 4096
"""The longest line between two chunks."""
TRAILER_LIMIT = 64 * 1024

_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(;[^\r\n\x00]*)?")


class BadBody(ValueError):
    """The chunks of this body are none."""


class BodyReader(Protocol):
    """A body of which some is still to come, unless it is `done`."""

    @property
    def done(self) -> bool:
        """Whether it has ended."""

    def take(self, data: bytes) -> tuple[bytes, int]:
        """The next bytes of the connection: as they are handed on, and how many of them are the body's.

        Raises BadBody.
        """

    def skip(self, data: bytes) -> int:
        """The same where only their number is of interest."""


class Sized:
    """A body of so many bytes."""

    def __init__(self, length: int) -> None:
        self._left = length

    @property
    def done(self) -> bool:
        """Whether all have come."""
        return not self._left

    def take(self, data: bytes) -> tuple[bytes, int]:
        """At most what is left."""
        mine = data[: self._left]
        self._left -= len(mine)
        return mine, len(mine)

    def skip(self, data: bytes) -> int:
        """At most what is left."""
        count = min(len(data), self._left)
        self._left -= count
        return count


class Chunked:
    """A body in chunks. It is handed on in chunks of its own, without extensions and trailers."""

    def __init__(self) -> None:
        self.done = False
        self._left = 0
        """Bytes of this chunk that are still to come, its line end included; 0 before a line."""
        self._line = b""
        self._trailer = 0
        """Bytes of the trailer so far; 0 before the last chunk."""

    def take(self, data: bytes) -> tuple[bytes, int]:
        """Every chunk, or the part of it that is here, as one."""
        pieces: list[bytes] = []
        count = self._walk(data, pieces)
        if self.done and count:
            pieces.append(b"0\r\n\r\n")
        return b"".join(pieces), count

    def skip(self, data: bytes) -> int:
        """How many bytes are the body's, its chunks' lines included."""
        return self._walk(data, None)

    def _walk(self, data: bytes, pieces: list[bytes] | None) -> int:
        at = 0
        while at < len(data) and not self.done:
            at += self._content(data, at, pieces) if self._left else self._read_line(data, at)
        return at

    def _content(self, data: bytes, at: int, pieces: list[bytes] | None) -> int:
        count = min(len(data) - at, self._left - 2)
        if count > 0:
            if pieces is not None:
                pieces += [b"%x\r\n" % count, data[at : at + count], b"\r\n"]
            self._left -= count
            return count
        if data[at] != b"\r\n"[2 - self._left]:
            raise BadBody("malformed chunked encoding")
        self._left -= 1
        return 1

    def _read_line(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at)
        part = data[at:] if end < 0 else data[at : end + 1]
        self._line += part
        if len(self._line) > LINE_LIMIT:
            raise BadBody("header line too long")
        if end >= 0:
            line, self._line = self._line, b""
            if not line.endswith(b"\r\n"):
                raise BadBody("malformed chunked encoding")
            self._line_read(line[:-2])
        return len(part)

    def _line_read(self, line: bytes) -> None:
        """Act on a whole line: the size of the next chunk, or one of the trailer, whose empty line ends the
        body."""
        if self._trailer:
            self._trailer += len(line) + 2
            self.done = not line
            if self._trailer > TRAILER_LIMIT:
                raise BadBody("trailer too long")
            return
        size = _SIZE.fullmatch(line)
        if size is None:
            raise BadBody("malformed chunked encoding")
        length = int(size[1], 16)
        if length:
            self._left = length + 2
        else:
            self._trailer = 1


class Endless:
    """A body that ends with its connection."""

    done = False

    def take(self, data: bytes) -> tuple[bytes, int]:
        """All of it."""
        return data, len(data)

    def skip(self, data: bytes) -> int:
        """All of it."""
        return len(data)
