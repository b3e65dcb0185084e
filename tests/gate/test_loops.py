"""A nameserver of the machine's that asks whoever asks it: real sockets in a ring."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

import dns.message
import dns.rcode
import pytest

from skerry.gate.answerer import Answerer
from skerry.gate.desired_state import DesiredState
from skerry.gate.dns import Datagrams
from skerry.gate.forward import Forwarder
from skerry.gate.message import Desired
from tests.gate.nameserver import nameserver
from tests.gate.nameservers import says
from tests.gate.questions import LEG, TRAFFIC

LOOPING, OTHER = "127.0.0.66", "127.0.0.67"


class Ring(asyncio.DatagramProtocol):
    """Carries each question to the gate, as it is, and the answer back."""

    def __init__(self, gate: tuple[str, int]) -> None:
        self.gate = gate
        self.questions = 0
        self._carried: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.questions += 1
        self._carried.add(asyncio.create_task(self._carry(data, address)))

    async def _carry(self, data: bytes, address: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.setblocking(False)
            await loop.sock_connect(asking, self.gate)
            await loop.sock_sendall(asking, data)
            self.transport.sendto(await loop.sock_recv(asking, 4096), address)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("upstreams", "code"),
    [((LOOPING, OTHER), dns.rcode.NOERROR), ((LOOPING,), dns.rcode.SERVFAIL)],
)
async def test_a_ring_is_noticed_at_once_and_the_next_server_asked(
    upstreams: tuple[str, ...], code: dns.rcode.Rcode
) -> None:
    loop = asyncio.get_running_loop()
    bound, asking = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    for made in (bound, asking):
        made.setblocking(False)
        made.bind(("127.0.0.1", 0))
    async with nameserver(OTHER, says("203.0.113.9")) as (_, port):
        transport, ring = await loop.create_datagram_endpoint(
            lambda: Ring(bound.getsockname()), local_addr=(LOOPING, port)
        )
        state = DesiredState()
        state.post(Desired(1, TRAFFIC, upstreams))
        leg = Datagrams(Answerer(state, Forwarder(budget_s=1000.0, port=port)), LEG, bound)
        with asking:
            await loop.sock_connect(asking, bound.getsockname())
            await loop.sock_sendall(asking, dns.message.make_query("www.example.org", "A").to_wire())
            answer = dns.message.from_wire(await loop.sock_recv(asking, 4096))
        assert (answer.rcode(), ring.questions <= 2) == (code, True)
        transport.close()
        leg.close()
