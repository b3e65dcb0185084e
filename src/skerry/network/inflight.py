"""What a connection of a task is doing, judged from samples of the kernel. Pure.

Layer 4 cannot see requests, but who spoke last: a client that did waits for its answer. The times are in
ticks of 4 ms, so a quick answer and its question may bear the same; then the flow's mark says who was last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from skerry.linux.inet_diag import CLOSE_WAIT, ESTABLISHED, SYN_RECV, TcpConnection
from skerry.model.defaults import DRAIN_QUIET, MILLISECOND
from skerry.network.talk import Talk

FRESH_MS = 1000
"""How long a connection that carried nothing yet may still bring its first request."""

SLOW_MS = 150
"""A client that has been silent for so long with its request in flight waits for a slow answer; or its TCP
waits to repeat what the shield of a former drain took, longer each time, and must not lose that again. The
kernel repeats after 200 ms at the earliest."""


class DrainAction(Enum):
    """What to do about one connection after a sample."""

    WAIT = "wait"
    SHIELD = "shield"
    """Let the task hear nothing new on it: what comes now is the next request."""
    UNSHIELD = "unshield"
    """What was kept away belonged to the request in flight."""
    CLOSE = "close"


@dataclass(frozen=True)
class Watched:
    """What is remembered of a connection from sample to sample."""

    connection: TcpConnection
    shielded: bool = False
    """Its shield has been up since shortly after `connection` was taken."""
    exempt: bool = False
    """A request is being sent in pieces, or is the first: no shield until it is answered."""


def in_flight(now: TcpConnection, client_last: bool | None, refused: int) -> bool:
    """Whether a request is in flight. `client_last` is the flow's mark, `refused` how many segments with data
    the shield kept away: a client that speaks again has the answer, acknowledged or not."""
    if now.state == SYN_RECV or (now.unread and now.state in (ESTABLISHED, CLOSE_WAIT)):
        return True
    if now.unacked and not refused:
        return True
    if _speechless(now):
        return now.heard_ago < FRESH_MS
    if now.heard_ago != now.sent_ago:
        return now.heard_ago < now.sent_ago
    if client_last is None:
        return now.heard_ago < FRESH_MS
    return client_last


def holds(now: TcpConnection, talk: Talk, client_last: bool | None, quiet_ms: int, elapsed_ms: int) -> bool:
    """Whether a connection that is left to its task is still waited for, so long after the drain began.

    Where both sides speak unasked, it says little who spoke last (an acknowledgement of a setting, of a
    ping), and the task can say goodbye at any time: it is not waited for longer than an answer may pause.
    What is not understood may be in the midst of something when it has been answered: it has to be silent
    for so long.
    """
    busy = in_flight(now, client_last, 0)
    if talk is Talk.UNASKED:
        return busy and elapsed_ms < quiet_ms
    return busy or min(now.sent_ago, now.heard_ago) < quiet_ms


def judge(
    now: TcpConnection,
    before: Watched | None,
    client_last: bool | None,
    refused: int,
    quiet_ms: int = DRAIN_QUIET // MILLISECOND,
) -> tuple[Watched, DrainAction]:
    """One connection after one sample: what to remember, and what to do."""
    busy = in_flight(now, client_last, refused)
    known = replace(before, connection=now) if before else Watched(now)
    grew = before is not None and now.sent > before.connection.sent
    if busy:
        return _judge_busy(known, before, now, grew, refused)
    if _speechless(now) and (known.exempt or (known.shielded and refused)):
        # its first words: for its client it is a fresh connection, which must not be closed
        return replace(known, exempt=True), DrainAction.UNSHIELD if known.shielded else DrainAction.WAIT
    known = replace(known, exempt=False)
    if before is None or not before.shielded:
        return known, DrainAction.SHIELD
    same = not grew and now.heard == before.connection.heard
    silent = min(now.sent_ago, now.heard_ago) >= quiet_ms
    return known, DrainAction.CLOSE if same and (refused or silent) else DrainAction.WAIT


def _judge_busy(
    known: Watched, before: Watched | None, now: TcpConnection, grew: bool, refused: int
) -> tuple[Watched, DrainAction]:
    if known.shielded and refused:
        return replace(known, exempt=True), DrainAction.UNSHIELD
    if before is None or known.shielded or known.exempt or _speechless(now) or now.state == SYN_RECV:
        return known, DrainAction.WAIT
    # Its request seems complete, or it goes from one to the next: the next one shall not reach the task.
    settled = grew or (now.heard == before.connection.heard and now.heard_ago < SLOW_MS)
    return known, DrainAction.SHIELD if settled else DrainAction.WAIT


def _speechless(now: TcpConnection) -> bool:
    return not now.heard and not now.sent
