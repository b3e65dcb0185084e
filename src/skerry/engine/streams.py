"""What flows in an engine's long answers: JSON objects one after another, and output in frames.

A frame is eight bytes of header (stream, length) and then so many bytes, of logs those of a line.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import msgspec

from skerry.model.objects import Raw

HEADER = 8
"""A frame's header: the stream's number, three zeros, the length as four bytes, big-endian."""
STDOUT = 1
PIECE = 16 * 1024
"""The longest piece of a line that the engine keeps as one, in bytes."""
STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ")
SYSTEM = 3
"""The stream for the daemon's own errors."""


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


async def lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    """What a terminal showed, each line with its time before it, as frames of its only stream.

    The engine cuts long lines into pieces and puts the time before each: here they are frames of their own,
    as where the engine makes the frames. The last line may have no end.
    """
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            for piece in _pieces(line + b"\n"):
                yield STDOUT, piece
    for piece in _pieces(rest) if rest else ():
        yield STDOUT, piece


def _pieces(line: bytes) -> Iterator[bytes]:
    begin, end = 0, line.find(b" ") + 1 + PIECE
    while STAMP.match(line, end):
        yield line[begin:end]
        begin, end = end, line.find(b" ", end) + 1 + PIECE
    yield line[begin:]
