"""Who waits for a backend: woken when there is another one, or when the client goes away.

Thousands may wait for one service. Nothing looks at them meanwhile; and they are woken a few at a turn of the
loop, so that names and the connections of others go on between.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections import deque
from contextlib import suppress
from weakref import WeakSet

from skerry.gate.desired_state import Behind, DesiredState, Destination

AT_A_TURN = 16

Waiter = asyncio.Future[None]


class Line:
    """All that wait, by what they want."""

    def __init__(self, state: DesiredState) -> None:
        self._state = state
        self._known: dict[Destination, Behind | None] = {}
        self._waiting: dict[Destination, dict[Waiter, None]] = {}
        self._due: deque[Waiter] = deque()
        self._clients: dict[int, tuple[socket.socket, Waiter]] = {}
        self._half_closed: WeakSet[socket.socket] = WeakSet()
        """Clients that have closed their own direction, and may well wait for an answer."""
        self._hangups = select.epoll()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._hangups.fileno(), self._read_hangups)
        state.on_post(self._look)

    def close(self) -> None:
        """Look no more."""
        if not self._hangups.closed:
            self._loop.remove_reader(self._hangups.fileno())
            self._hangups.close()

    def ahead(self, destination: Destination) -> int:
        """How many wait for the same."""
        return len(self._waiting.get(destination, ()))

    async def wait(
        self, client: socket.socket, destination: Destination, known: Behind, timeout_s: float
    ) -> None:
        """Return when something else than `known` is behind the destination, when the client has closed its
        direction or both, or after the timeout."""
        if destination.behind(self._state) != known:
            return
        waiter: Waiter = self._loop.create_future()
        self._known[destination] = known
        self._waiting.setdefault(destination, {})[waiter] = None
        self._watch(client, waiter)
        timer = self._loop.call_later(max(timeout_s, 0.0), self._wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._forget(client)
            waiting = self._waiting[destination]
            del waiting[waiter]
            if not waiting:
                del self._waiting[destination], self._known[destination]

    def _watch(self, client: socket.socket, waiter: Waiter) -> None:
        handle = client.fileno()
        self._clients[handle] = (client, waiter)
        ends = 0 if client in self._half_closed else select.EPOLLRDHUP
        self._hangups.register(handle, ends | select.EPOLLET)  # errors are told unasked

    def _forget(self, client: socket.socket) -> None:
        handle = client.fileno()
        self._clients.pop(handle, None)
        with suppress(OSError, ValueError):
            self._hangups.unregister(handle)

    def _read_hangups(self) -> None:
        for handle, _ in self._hangups.poll(0, AT_A_TURN):
            if handle in self._clients:
                client, waiter = self._clients[handle]
                self._half_closed.add(client)
                self._wake(waiter)

    def _look(self) -> None:
        for destination, known in self._known.items():
            behind = destination.behind(self._state)
            if behind != known:
                self._known[destination] = behind
                for waiter in self._waiting[destination]:
                    self._wake(waiter)

    def _wake(self, waiter: Waiter) -> None:
        if not self._due:
            self._loop.call_soon(self._turn)
        self._due.append(waiter)

    def _turn(self) -> None:
        for _ in range(min(AT_A_TURN, len(self._due))):
            waiter = self._due.popleft()
            if not waiter.done():
                waiter.set_result(None)
        if self._due:
            self._loop.call_soon(self._turn)
