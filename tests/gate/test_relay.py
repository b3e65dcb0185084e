"""Held connections, on loopback."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from skerry.gate.board import Board, Wanted
from skerry.gate.message import Desired
from skerry.gate.relay import Acceptor, Relay, reset
from skerry.gate.shares import LIMITS, Limits
from skerry.model.traffic import Backend, Traffic, VirtualService

VIP = "10.0.1.130"
LOCAL = (Backend("t", "127.0.0.1"),)


async def new_socket() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)


def listening() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


class Stage:
    """A relay for one VIP, an echo server behind it that answers after the client's half-close."""

    def __init__(self, limits: Limits) -> None:
        self.board = Board()
        self.relay = Relay(self.board, new_socket, limits)
        self.front = listening()
        self.reserved = listening()
        self.target = self.reserved.getsockname()[1]
        wanted = Wanted(VIP, self.target)
        self.acceptor = Acceptor(self.front, lambda one: self.relay.serve(one, wanted), "test")
        self.serial = 0

    def put(self, *backends: Backend, hold_s: float = 5.0) -> None:
        self.serial += 1
        service = VirtualService("s", "red", VIP, backends, hold_s)
        self.board.post(Desired(self.serial, Traffic(services=(service,))))

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_server(echo, sock=self.reserved)

    async def client(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self.front.getsockname())

    def close(self) -> None:
        self.acceptor.stop_listening()
        self.reserved.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"got " + await reader.read())
    await writer.drain()
    writer.close()


def play(scene: Callable[[Stage], Awaitable[None]], limits: Limits = LIMITS) -> None:
    async def run() -> None:
        stage = Stage(limits)
        try:
            await scene(stage)
        finally:
            stage.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    asyncio.run(run())


async def exchange(stage: Stage, text: bytes) -> bytes:
    reader, writer = await stage.client()
    writer.write(text)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


def test_copies_both_ways_with_half_close() -> None:
    async def scene(stage: Stage) -> None:
        stage.put(*LOCAL)
        async with await stage.serve():
            assert await exchange(stage, b"x" * 1_000_000) == b"got " + b"x" * 1_000_000

    play(scene)


def test_waits_for_a_backend() -> None:
    async def scene(stage: Stage) -> None:
        stage.put()
        async with await stage.serve():
            answer = asyncio.create_task(exchange(stage, b"hello"))
            done, _ = await asyncio.wait({answer}, timeout=0.1)
            assert not done
            stage.put(*LOCAL)
            assert await answer == b"got hello"

    play(scene)


def test_tries_another_backend_and_again() -> None:
    async def scene(stage: Stage) -> None:
        stage.put(Backend("gone", "127.0.0.9"), *LOCAL)
        stage.reserved.close()
        answer = asyncio.create_task(exchange(stage, b"hello"))
        await asyncio.wait({answer}, timeout=0.1)
        async with await asyncio.start_server(echo, "127.0.0.1", stage.target):
            assert await answer == b"got hello"

    play(scene)


@pytest.mark.parametrize("case", ["too long", "unknown", "too many"])
def test_resets(case: str) -> None:
    async def scene(stage: Stage) -> None:
        if case != "unknown":
            stage.put(hold_s=0.05 if case == "too long" else 5.0)
        reader, writer = await stage.client()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    play(scene, Limits(client=0) if case == "too many" else LIMITS)


def test_a_client_that_went_away_is_not_held() -> None:
    async def scene(stage: Stage) -> None:
        stage.put()
        _, writer = await stage.client()
        await asyncio.wait({asyncio.create_task(stage.board.newer(0.05))})
        writer.transport.abort()
        stage.put()
        async with asyncio.timeout(15):
            while stage.relay.waiting:
                await asyncio.sleep(0.01)
                stage.put()

    play(scene)


def test_who_waits_is_let_go_without_a_word_and_served_by_another_relay() -> None:
    async def scene(stage: Stage) -> None:
        stage.put()
        async with await stage.serve():
            answer = asyncio.create_task(exchange(stage, b"hello"))
            while not stage.relay.waiting:
                await asyncio.sleep(0)
            (held,) = await stage.relay.release()
            assert stage.relay.waiting == 0
            board = Board()
            board.post(Desired(1, Traffic(services=(VirtualService("s", "red", VIP, LOCAL),))))
            other = Relay(board, new_socket)
            await other.serve(held.client, held.wanted, held.since)
            assert await answer == b"got hello"

    play(scene)


def test_a_reset_comes_after_what_a_slow_client_has_not_read_yet() -> None:
    """A drained task's end closes what it has answered; the relay has read it, the client has not."""
    size = 50_000

    async def scene(stage: Stage) -> None:
        stage.put(*LOCAL)
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        stage.reserved.setblocking(False)
        with client:
            await loop.sock_connect(client, stage.front.getsockname())
            backend, _ = await loop.sock_accept(stage.reserved)
            backend.setblocking(False)
            await loop.sock_sendall(backend, b"x" * size)
            while struct.unpack("i", fcntl.ioctl(backend, termios.TIOCOUTQ, b"\0\0\0\0"))[0]:
                await asyncio.sleep(0)
            reset(backend)
            await asyncio.sleep(0.05)  # the relay hears of it
            got = 0
            while got < size:
                got += len(await loop.sock_recv(client, 65536))
            with pytest.raises(ConnectionResetError):
                await loop.sock_recv(client, 1)

    play(scene)
