"""The multiplexed stream of logs: eight bytes of header (stream, length), then that many bytes of a line."""

from __future__ import annotations

from collections.abc import AsyncIterator

HEADER = 8
SYSTEM = 3
"""The stream for the daemon's own errors."""


def frame(stream: int, payload: bytes) -> bytes:
    """One frame."""
    return bytes((stream, 0, 0, 0)) + len(payload).to_bytes(4, "big") + payload


async def split(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    """The frames in a stream of bytes, wherever the chunks end."""
    rest = b""
    async for chunk in chunks:
        rest += chunk
        at = 0
        while len(rest) - at >= HEADER:
            length = int.from_bytes(rest[at + 4 : at + HEADER], "big")
            end = at + HEADER + length
            if len(rest) < end:
                break
            yield rest[at], rest[at + HEADER : end]
            at = end
        rest = rest[at:]
