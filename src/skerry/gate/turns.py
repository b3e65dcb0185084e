"""A queue in which every client has its turn, however much another one sends."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Round robin over clients; a client has at most `limit` in it, and what it sends beyond is dropped."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._queues: dict[str, deque[T]] = {}
        self._order: deque[str] = deque()

    def __bool__(self) -> bool:
        return bool(self._order)

    def put(self, client: str, item: T) -> None:
        """Line up behind what the client sent before."""
        queue = self._queues.get(client)
        if queue is None:
            queue = self._queues[client] = deque()
            self._order.append(client)
        if len(queue) < self._limit:
            queue.append(item)

    def take(self) -> T:
        """The next one; there has to be one."""
        client = self._order.popleft()
        queue = self._queues[client]
        item = queue.popleft()
        if queue:
            self._order.append(client)
        else:
            del self._queues[client]
        return item
