"""Forward questions that are not ours, from the host's namespace."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import dns.asyncquery
import dns.exception
import dns.message

BUDGET_S = 3.0
CONCURRENT = 1024
PORT = 53


class Forwarder:
    """Asks upstream servers in turn, UDP first and TCP for a truncated answer, within one budget."""

    def __init__(self, budget_s: float = BUDGET_S, port: int = PORT) -> None:
        self._budget_s = budget_s
        self._port = port
        self._slots = asyncio.Semaphore(CONCURRENT)

    async def ask(self, query: dns.message.Message, servers: Sequence[str]) -> dns.message.Message | None:
        """The first answer of any server, with the query's own ID; None if nobody answers in time."""
        if not servers or self._slots.locked():
            return None
        question = dns.message.from_wire(query.to_wire())
        question.id = random.getrandbits(16)
        async with self._slots:
            for server in servers[:3]:
                answer = await self._ask_one(question, server, self._budget_s / min(len(servers), 3))
                if answer is not None:
                    answer.id = query.id
                    return answer
        return None

    async def _ask_one(
        self, question: dns.message.Message, server: str, timeout_s: float
    ) -> dns.message.Message | None:
        try:
            answer, _ = await dns.asyncquery.udp_with_fallback(
                question, server, timeout=timeout_s, port=self._port, ignore_unexpected=True
            )
        except (OSError, dns.exception.DNSException, EOFError):
            return None
        return answer
