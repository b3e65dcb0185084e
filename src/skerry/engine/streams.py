"""What flows in an engine's long answers: JSON objects one after another, and multiplexed output."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec

from skerry.model.objects import Raw

HEADER = 8
"""A frame's header: the stream's number, three zeros, the length as four bytes, big-endian."""


async def json_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[Raw]:
    """The objects of a stream that has one on each line, however it was cut into chunks.

    A stream that broke off may end with half an object, which is dropped.
    """
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield msgspec.json.decode(line, type=Raw)
    if rest.strip():
        with suppress(msgspec.DecodeError):
            yield msgspec.json.decode(rest, type=Raw)


class Demultiplexer:
    """Takes frames apart; `feed` returns the payload (both streams in order) that is complete so far."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> bytes:
        """The payloads of all frames that `chunk` completes."""
        self._rest += chunk
        found = []
        while len(self._rest) >= HEADER:
            end = HEADER + int.from_bytes(self._rest[4:HEADER], "big")
            if len(self._rest) < end:
                break
            found.append(self._rest[HEADER:end])
            self._rest = self._rest[end:]
        return b"".join(found)
