"""Held connections, on loopback."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from contextlib import suppress

import pytest

from skerry.gate.desired_state import DesiredState
from skerry.gate.message import Desired
from skerry.gate.relay import Relay, reset
from skerry.gate.shares import LIMITS, Limits
from skerry.model.traffic import Backend, Traffic, VirtualService
from tests.gate.stage import LOCAL, VIP, Stage, echo, exchange, new_socket, play


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
        await asyncio.wait({asyncio.create_task(stage.state.newer(0.05))})
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
            state = DesiredState()
            state.post(Desired(1, Traffic(services=(VirtualService("s", "red", VIP, LOCAL),))))
            other = Relay(state, new_socket)
            await other.serve(held.client, held.destination, held.since)
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
