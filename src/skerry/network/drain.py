"""Drain: answer what is in flight, close what is idle, until a task serves nobody.

A task that has left the table gets no new connection, but its old ones may bring further requests. A drain
samples them by inet_diag every few milliseconds and judges each (`network.inflight`). Where no request is
in flight, it puts up a shield (a set of the flows table: the kernel drops what the client says next), and
closes the connection once the client has spoken again or both sides were silent for a while. What was
dropped never reached the task: its client sees a reset and asks anew. Where it belonged to a request under
way, the shield goes, and the client's TCP repeats it. A shield ends by itself, so that a skerryd that is
killed leaves nobody deaf. What is known to be no such sequence of requests (`network.talk`) is left alone.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from time import monotonic_ns
from typing import NamedTuple

from skerry.linux import netns, nft
from skerry.linux.conntrack import Conntrack
from skerry.linux.families import spoken
from skerry.linux.inet_diag import InetDiag, TcpConnection
from skerry.model.defaults import MILLISECOND
from skerry.model.drain import DrainOutcome, DrainRules
from skerry.model.errors import NetworkError
from skerry.model.family import family_of
from skerry.network import ruleset
from skerry.network.inflight import DrainAction, Watched, holds, in_flight, judge
from skerry.network.marks import Marks
from skerry.network.talk import CLIENT_LAST_MARK, Talk, talk_of

SAMPLE_S = 0.012
SAMPLE_MAX_S = 0.06
"""Samples come apart while nothing happens: a long answer shall not cost a processor."""
RENEWAL, HELD = 300 * MILLISECOND, 800 * MILLISECOND
"""A shield is renewed when it is as old as that, and relied on while it is not older than that."""
_ELEMENT = re.compile(r"([\da-f.:]+) \. (\d+) \. ([\da-f.:]+) \. (\d+)[^,}]*? counter packets (\d+)")

Four = tuple[str, int, str, int]
"""Peer, its port, task, its port."""


class Shield:
    """The set of connections whose further requests are dropped before the task hears them.

    It holds for a second at a time: whoever drains has to renew it, and may rely on it only while it holds.
    """

    def __init__(self, table: str) -> None:
        self._table = table
        self._flows = f"{table}-flows"
        self._up: set[Four] = set()
        self._renewed = 0

    @property
    def holds(self) -> bool:
        """Whether nothing comes through, and will not for a moment yet."""
        return monotonic_ns() - self._renewed < HELD

    def over(self, open_now: set[Four]) -> set[Four]:
        """What is shielded of connections that are not open any more."""
        return self._up - open_now

    async def put_up(self, fours: set[Four]) -> None:
        """Shield these connections. Raises NetworkError."""
        if not fours:
            return
        now, script = monotonic_ns(), self._renewal() + self._script("add", fours)
        try:
            await nft.apply(script)
        except NetworkError:  # somebody flushed the ruleset
            await nft.apply(ruleset.render_flows(self._table, spoken()) + script)
        self._renewed = now
        self._up |= fours

    async def renew(self) -> None:
        """Have it hold on, where anything is shielded."""
        now = monotonic_ns()
        if self._up and now - self._renewed >= RENEWAL:
            with suppress(NetworkError):  # somebody flushed the ruleset: nothing is shielded
                await nft.apply(self._renewal())
                self._renewed = now

    async def take_down(self, fours: set[Four]) -> None:
        """Stop shielding these connections."""
        fours &= self._up
        self._up -= fours
        if fours:
            with suppress(NetworkError):  # an entry ended by itself a moment ago; so do the others
                await nft.apply(self._script("delete", fours))

    async def refused(self) -> dict[Four, int]:
        """How many segments with data were dropped on each connection that is still shielded."""
        if not self._up:
            return {}
        listed = [await nft.attempt("list", "set", word, self._flows, "quiet") for word in self._words()]
        elements = _ELEMENT.findall("".join(listed))
        counts = {
            (peer, int(peer_port), task, int(port)): int(count)
            for peer, peer_port, task, port, count in elements
        }
        self._up &= counts.keys()  # entries end by themselves, or with a flushed ruleset
        return counts

    async def take_all_down(self) -> None:
        """Stop shielding everything that this drain shielded."""
        await self.refused()
        await self.take_down(set(self._up))

    def _words(self) -> list[str]:
        """nft's words for the families of what is shielded."""
        return sorted({family_of(peer).word for peer, *_ in self._up})

    def _renewal(self) -> str:
        sets = [f"{family.word} {self._flows} draining" for family in spoken()]
        return "".join(f"flush set {name}\nadd element {name} {{ tcp }}\n" for name in sets)

    def _script(self, verb: str, fours: set[Four]) -> str:
        lines: dict[str, list[str]] = {}
        for four in sorted(fours):
            lines.setdefault(family_of(four[0]).word, []).append(" . ".join(str(part) for part in four))
        return "".join(
            f"{verb} element {word} {self._flows} quiet {{ {', '.join(elements)} }}\n"
            for word, elements in lines.items()
        )


class ConnectionSample(NamedTuple):
    """A connection at a moment, and its flow's mark; None where that is unknown."""

    tcp: TcpConnection
    mark: int | None

    @property
    def client_last(self) -> bool | None:
        """Whether its client spoke last."""
        return None if self.mark is None else bool(self.mark & CLIENT_LAST_MARK)


class Drain:
    """One drain of one task."""

    def __init__(self, pid: int, address: str | None, table: str, rules: DrainRules) -> None:
        self._rules = rules
        self._address = address
        self._diag = InetDiag.within(netns.of_process(pid))
        self._conntrack = Conntrack()
        self._marks = Marks(self._conntrack)
        self._shield = Shield(table)
        self._watched: dict[bytes, Watched] = {}
        self._closed = self._left = 0
        self._began = monotonic_ns()
        self._pause_s = SAMPLE_S

    async def run(self) -> DrainOutcome:
        """Until nothing is in flight and nothing idle is open, or the timeout. Raises OSError."""
        by_turns = self._rules.idle in ("auto", "close")
        try:
            while held := await (self._round() if by_turns else self._count()):
                if self._elapsed >= self._rules.timeout:
                    break
                await asyncio.sleep(self._pause_s)
        finally:
            await self._shield.take_all_down()
            self._diag.close()
            self._conntrack.close()
        return DrainOutcome(open=held, waited=self._elapsed, closed_idle=self._closed, left=self._left)

    @property
    def _elapsed(self) -> int:
        return monotonic_ns() - self._began

    async def _count(self) -> int:
        """Sample and touch nothing; how many connections there are to wait for."""
        sample = await asyncio.to_thread(self._sample)
        self._pause_s = min(self._pause_s * 1.25, SAMPLE_MAX_S)
        if self._rules.idle == "wait":
            return len(sample)
        held = sum(in_flight(connection.tcp, connection.client_last, 0) for connection in sample)
        self._left = len(sample) - held
        return held

    async def _round(self) -> int:
        """Sample, judge, act; for how many connections it has to go on."""
        await self._shield.renew()
        refused = await self._shield.refused()
        sample = await asyncio.to_thread(self._sample)
        leaving = [connection for connection in sample if self._is_left(connection.mark)]
        held = sum(self._holds(connection) for connection in leaving)
        self._left = len(leaving) - held
        actions = self._judge(
            [connection for connection in sample if not self._is_left(connection.mark)], refused
        )
        waiting = not any(actions[action] for action in DrainAction if action is not DrainAction.WAIT)
        self._pause_s = min(self._pause_s * 1.25, SAMPLE_MAX_S) if waiting else SAMPLE_S
        for idle in actions[DrainAction.CLOSE]:
            if self._shield.holds:
                self._close(idle)
        await self._change_shield(actions[DrainAction.SHIELD], actions[DrainAction.UNSHIELD])
        return len(self._watched) + held

    def _is_left(self, mark: int | None) -> bool:
        """Whether nothing of a connection with that mark is kept away, and its end is the task's."""
        return self._rules.idle == "auto" and talk_of(mark) is not Talk.IN_TURN

    def _holds(self, connection: ConnectionSample) -> bool:
        quiet_ms, elapsed_ms = self._rules.quiet // MILLISECOND, self._elapsed // MILLISECOND
        return holds(connection.tcp, talk_of(connection.mark), connection.client_last, quiet_ms, elapsed_ms)

    def _judge(
        self, sample: Iterable[ConnectionSample], refused: dict[Four, int]
    ) -> dict[DrainAction, list[TcpConnection]]:
        """What to do about each connection. The kernel forgets a shield by itself after a while, and then it
        is raised anew."""
        before, self._watched = self._watched, {}
        quiet_ms = self._rules.quiet // MILLISECOND
        actions: dict[DrainAction, list[TcpConnection]] = {action: [] for action in DrainAction}
        for connection in sample:
            now = connection.tcp
            earlier = before.get(now.identity)
            if earlier and earlier.shielded and _four(now) not in refused:
                earlier = replace(earlier, shielded=False)
            known, action = judge(now, earlier, connection.client_last, refused.get(_four(now), 0), quiet_ms)
            self._watched[now.identity] = known
            actions[action].append(now)
        return actions

    def _close(self, idle: TcpConnection) -> None:
        """With its flow: the kernel would take a new connection from the same client's port for the old one
        coming back, and lead it here past the table. It may have become another kind at the last moment."""
        if self._is_left(self._marks.now(idle)):
            return
        self._closed += self._diag.destroy(idle)
        del self._watched[idle.identity]
        self._conntrack.delete_connection(idle.local, idle.port, idle.peer, idle.peer_port)

    def _sample(self) -> list[ConnectionSample]:
        return [ConnectionSample(tcp, self._marks.of(tcp)) for tcp in self._diag.served(self._address)]

    async def _change_shield(self, raise_for: list[TcpConnection], lower_for: list[TcpConnection]) -> None:
        await self._shield.put_up({_four(tcp) for tcp in raise_for})
        open_now = {_four(watched.connection) for watched in self._watched.values()}
        await self._shield.take_down({_four(tcp) for tcp in lower_for} | self._shield.over(open_now))
        for connections, shielded in ((raise_for, True), (lower_for, False)):
            for tcp in connections:
                self._watched[tcp.identity] = replace(self._watched[tcp.identity], shielded=shielded)


def _four(tcp: TcpConnection) -> Four:
    return tcp.peer, tcp.peer_port, tcp.local, tcp.port


async def drain(pid: int, address: str | None, rules: DrainRules, table: str = "skerry") -> DrainOutcome:
    """Drain the task whose first process is `pid`, on one of its addresses or on all.

    A task that has ended is drained. Raises OSError where its namespace cannot be looked into.
    """
    try:
        work = Drain(pid, address, table, rules)
    except (FileNotFoundError, ProcessLookupError):
        return DrainOutcome()
    return await work.run()
