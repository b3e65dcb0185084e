"""One request at the engine: its answer goes to the client, and its end is seen.

The engine has a connection for each request, and is told to close it. The client's goes back to the router
as soon as the answer is whole. Only where the engine has taken the connection out of HTTP (it answered 101,
or a raw stream on a route that it hijacks) do the two stay tied, and become a pipe.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from skerry.api.door.bodies import BadBody, BodyReader, Chunked, Endless, Sized
from skerry.api.door.heads import LIMIT, Head
from skerry.api.door.pipe import EngineHalf

_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})( [^\r\n]*)?")
_CONNECTION = (b"connection", b"keep-alive")
RAW_STREAMS = (b"application/vnd.docker.raw-stream", b"application/vnd.docker.multiplexed-stream")


class Exchange(EngineHalf):
    """The engine's end, while it answers `head`. `whole` is called at the end of an answer that has one,
    `hijacked` where there is none any more, and before either `answers` with the status."""

    def __init__(
        self,
        head: Head,
        whole: Callable[[], None],
        hijacked: Callable[[], None],
        answers: Callable[[int], None] = lambda status: None,
    ) -> None:
        super().__init__()
        self.begun = False
        """Whether the client got any of the answer."""
        self.heard = 0.0
        """When the engine last said something (loop time)."""
        self.framed = False
        """Whether the answer's end can be told without the connection's."""
        self._head = head
        self._whole = whole
        self._hijacked = hijacked
        self._answers = answers
        self._buffer = b""
        self._body: BodyReader | None = None

    def data_received(self, data: bytes) -> None:
        """Part of the answer."""
        self.heard = asyncio.get_running_loop().time()
        if self._body is None:
            self._buffer += data
            while self._body is None and b"\r\n\r\n" in self._buffer:
                block, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
                self._read_head(block)
            if len(self._buffer) > LIMIT:
                self.close()
            if self._body is None:
                return
            data, self._buffer = self._buffer, b""
        self._pass_on(self._body, data)

    def _pass_on(self, body: BodyReader, data: bytes) -> None:
        if data and not body.done:
            try:
                count = body.skip(data)
            except BadBody:
                self.close()
                return
            super().data_received(data[:count])
        if body.done:
            self._whole()

    def _read_head(self, block: bytes) -> None:
        """Decide how the answer ends; interim ones go through as they are."""
        line, *lines = block.split(b"\r\n")
        read = _STATUS.fullmatch(line)
        if read is None:
            self.close()
            return
        self.begun = True
        status = int(read[1])
        fields = [(name.lower(), value.strip()) for name, _, value in (raw.partition(b":") for raw in lines)]
        if 100 <= status < 200 and status != 101:
            super().data_received(block + b"\r\n\r\n")
            return
        self._answers(status)
        if status == 101 or self._is_raw(status, fields):
            self._body = Endless()
            super().data_received(block + b"\r\n\r\n")
            self._hijacked()
            return
        self._body = self._framing(status, fields)
        self.framed = not isinstance(self._body, Endless)
        kept = [raw for raw in lines if raw.partition(b":")[0].lower() not in _CONNECTION]
        if not (self.framed and self._head.keeps):
            kept.append(b"Connection: close")
        super().data_received(b"\r\n".join([line, *kept]) + b"\r\n\r\n")

    def _is_raw(self, status: int, fields: list[tuple[bytes, bytes]]) -> bool:
        """Whether the engine took the connection without saying 101, as it does where nobody asked for it."""
        unframed = not any(name in (b"content-length", b"transfer-encoding") for name, _ in fields)
        return (
            self._head.hijacks
            and status == 200
            and unframed
            and any(name == b"content-type" and value in RAW_STREAMS for name, value in fields)
        )

    def _framing(self, status: int, fields: list[tuple[bytes, bytes]]) -> BodyReader:
        if self._head.method == "HEAD" or status in (204, 304):
            return Sized(0)
        if any(name == b"transfer-encoding" for name, _ in fields):
            return Chunked()
        lengths = {value for name, value in fields if name == b"content-length"}
        if len(lengths) == 1 and (value := lengths.pop()).isdigit() and len(value) < 19:
            return Sized(int(value))
        return Endless()

    def detach(self) -> None:
        """End the engine's connection; the client's is somebody else's from now on."""
        self.peer = None
        self.ended = True
        if self.transport is not None:
            self.transport.close()
