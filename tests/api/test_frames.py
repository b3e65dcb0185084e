"""Logs: frames and a terminal's lines, wherever the engine's chunks end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from skerry.engine import streams

T1, T2, T3 = (f"2026-01-01T00:00:00.00000000{number}Z ".encode() for number in (1, 2, 3))
Cut = Callable[[AsyncIterator[bytes]], AsyncIterator[tuple[int, bytes]]]


def found(cut: Cut, data: bytes, size: int) -> list[tuple[int, bytes]]:
    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(data), size):
            yield data[at : at + size]

    async def all_of_it() -> list[tuple[int, bytes]]:
        return [one async for one in cut(chunks())]

    return asyncio.run(all_of_it())


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_frames_are_whole_again(size: int) -> None:
    sent = [(1, b"one\n"), (2, b""), (1, b"x" * 5000)]
    data = b"".join(streams.frame(*one) for one in sent)
    assert found(streams.split, data, size) == sent


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_a_terminals_lines(size: int) -> None:
    data = T1 + b"one\r\n" + T2 + b"\n" + T3 + b"unfinished"
    assert found(streams.lines, data, size) == [
        (1, T1 + b"one\r\n"),
        (1, T2 + b"\n"),
        (1, T3 + b"unfinished"),
    ]


@pytest.mark.parametrize("size", [7, 1 << 20])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_long_line_comes_in_the_engines_pieces(size: int, end: bytes) -> None:
    piece = b"x" * streams.PIECE
    long = [T1 + piece, T2 + piece, T2 + b"rest" + end]
    data = T1 + b"one\n" + b"".join(long)
    assert found(streams.lines, data, size) == [(1, T1 + b"one\n"), *((1, one) for one in long)]
    whole = T1 + piece + b"no time" + end
    assert found(streams.lines, whole, size) == [(1, whole)]
