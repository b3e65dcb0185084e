"""The conntrack marks of the connections that a task serves; the flows table sets them."""

from __future__ import annotations

from skerry.linux.conntrack import Conntrack
from skerry.linux.inet_diag import TcpConnection


class Marks:
    """Asked of the kernel again where they may be others by now. One drain's; blocks; raises OSError."""

    def __init__(self, conntrack: Conntrack) -> None:
        self._conntrack = conntrack
        self._known: dict[bytes, tuple[int, int, int | None]] = {}
        """By the connection: how much it had heard and sent then, and the mark."""

    def of(self, tcp: TcpConnection) -> int | None:
        """None for an unknown flow. Where the times do not tell who spoke last, it is this moment's: what a
        task sends counts a moment before its segment is marked."""
        heard, sent, mark = self._known.get(tcp.identity, (-1, -1, None))
        same = (heard, sent) == (tcp.heard, tcp.sent)
        return mark if same and tcp.heard_ago != tcp.sent_ago else self.now(tcp)

    def now(self, tcp: TcpConnection) -> int | None:
        """This moment's."""
        mark = self._conntrack.mark(tcp.local, tcp.port, tcp.peer, tcp.peer_port)
        self._known[tcp.identity] = (tcp.heard, tcp.sent, mark)
        return mark
