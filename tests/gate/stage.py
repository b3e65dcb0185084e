"""A relay with clients and tasks."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from skerry.gate.desired_state import DesiredState, Destination
from skerry.gate.message import Desired
from skerry.gate.relay import Acceptor, Relay
from skerry.gate.shares import LIMITS, Limits
from skerry.model.family import FOUR, Family
from skerry.model.traffic import Backend, Traffic, VirtualService

VIP = "10.0.1.130"


LOCAL = (Backend("t", "127.0.0.1"),)


async def new_socket(family: Family = FOUR) -> socket.socket:
    return socket.socket(family.number, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)


def listening() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


class Stage:
    """A relay for one VIP, an echo server behind it that answers after the client's half-close."""

    def __init__(self, limits: Limits) -> None:
        self.state = DesiredState()
        self.relay = Relay(self.state, new_socket, limits)
        self.front = listening()
        self.reserved = listening()
        self.target = self.reserved.getsockname()[1]
        destination = Destination(VIP, self.target)
        self.acceptor = Acceptor(self.front, lambda one: self.relay.serve(one, destination), "test")
        self.serial = 0

    def put(self, *backends: Backend, hold_s: float = 5.0) -> None:
        self.serial += 1
        service = VirtualService("s", "red", VIP, backends, hold_s)
        self.state.post(Desired(self.serial, Traffic(services=(service,))))

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
