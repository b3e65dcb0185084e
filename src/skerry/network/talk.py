"""How the two sides of a connection talk, as the kernel sees it by the words with which they begin.

A drain may end a connection between a request and the next one only where there is such a place: where the
client asks, and then is answered. HTTP/1 is told by the first word that a client says. What is known to be of
another kind is left to the task, which ends it in its own words when it hears SIGTERM. The flows table notes
in a flow's conntrack mark what it was; this module has its rules, and reads the mark. Pure.

Nothing is deciphered. Inside of TLS, a client's turn that begins with less than the shortest request of
HTTP/1 is another protocol's: one of HTTP/2 has to acknowledge the server's settings in nine bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

CLIENT_LAST_MARK = 0x0100_0000
"""The bit of a flow's conntrack mark that says: the client spoke last."""
HTTP_MARK = 0x0200_0000
"""The client began as one of HTTP/1 does."""
TLS_MARK = 0x0400_0000
"""It began with TLS."""
STRANGE_MARK = 0x0800_0000
"""It began with something else, or the server did."""
UNASKED_MARK = 0x1000_0000
"""Both speak without being asked: HTTP/2, WebSocket, a tunnel."""
BEGUN_MARK = HTTP_MARK | TLS_MARK | STRANGE_MARK | UNASKED_MARK

REQUESTS = (
    *("GET ", "HEAD", "POST", "PUT ", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "PURGE"),
    *("PROPFIND", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "MERGE"),
    *("PROXY", "\r\n\r\n"),
)
"""With what a client of HTTP/1 begins, be it by a proxy that tells of its own client first (PROXY, in either
of its versions)."""
TUNNELS = ("PRI *", "CONNECT")
"""The preface of HTTP/2, and the request after which a connection is another's."""
SWITCHED = "HTTP/1.1 101"
"""The answer after which a connection is no longer HTTP/1's: WebSocket, or HTTP/2."""
SHORTEST_TURN = 42
"""Bytes of a TLS record with the shortest request of HTTP/1.1 in it: 26, and 16 that seal them."""

WORD = 4
"""So many bytes of a word are looked at."""
HEADERS = (32, 20)
"""Bytes of a TCP header before data: with a time stamp, and without. Where there is more in it, something was
lost, thus said before."""


class Talk(Enum):
    """How a connection's sides talk."""

    IN_TURN = "in turn"
    """The client asks, and is answered; or nobody knows better."""
    UNASKED = "unasked"
    """Both speak without being asked."""
    STRANGE = "strange"
    """In a protocol that is not known here. Most have turns, but something may hold for several of them (the
    transaction of a database)."""


def talk_of(mark: int | None) -> Talk:
    """What a flow's mark says; None is that of an unknown flow."""
    if mark is not None and mark & UNASKED_MARK:
        return Talk.UNASKED
    if mark is not None and mark & STRANGE_MARK:
        return Talk.STRANGE
    return Talk.IN_TURN


def chains(table: str) -> Iterator[str]:
    """Chains of the flows table that look at words; the rules below lead there."""
    yield f"add chain {table} client_begins"
    yield f"add chain {table} server_begins"
    yield f"add chain {table} switched"
    yield f"add chain {table} sealed"
    for header in HEADERS:
        for chain, words, mark in (
            ("client_begins", _at(header, *REQUESTS), HTTP_MARK),
            ("client_begins", _at(header, *TUNNELS), UNASKED_MARK),
            ("client_begins", f"@th,{header * 8},16 0x1603", TLS_MARK),
            *(("client_begins", data, STRANGE_MARK) for data in _anything(header)),
            *(("server_begins", data, STRANGE_MARK) for data in _anything(header)),
            ("switched", f"@th,{header * 8},{len(SWITCHED) * 8} {_number(SWITCHED)}", UNASKED_MARK),
            ("sealed", _short_record(header), UNASKED_MARK),
        ):
            yield (
                f"add rule {table} {chain} tcp doff {header // 4} {words} "
                f"ct mark set ct mark or {mark:#x} return"
            )


def heard(table: str, tasks: str) -> Iterator[str]:
    """Rules for what a task is about to hear, before it is noted that its client spoke last."""
    client = f'ct direction original meta l4proto tcp oifname "{tasks}"'
    yield f"add rule {table} to_task {_bits(BEGUN_MARK)} {client} jump client_begins"
    server_was_last = _bits(TLS_MARK | UNASKED_MARK | CLIENT_LAST_MARK, TLS_MARK)
    yield f"add rule {table} to_task {server_was_last} {client} jump sealed"


def said(table: str, tasks: str) -> Iterator[str]:
    """Rules for what a task has said, before it is noted that its client did not speak last."""
    server = f'ct direction reply meta l4proto tcp iifname "{tasks}"'
    yield f"add rule {table} from_task {_bits(BEGUN_MARK | CLIENT_LAST_MARK)} {server} jump server_begins"
    request = HTTP_MARK | CLIENT_LAST_MARK
    yield f"add rule {table} from_task {_bits(request | UNASKED_MARK, request)} {server} jump switched"


def _bits(of: int, are: int = 0) -> str:
    return f"ct mark and {of:#x} == {are:#x}"


def _at(header: int, *words: str) -> str:
    """Data that begins with one of these words."""
    numbers = dict.fromkeys(_number(word[:WORD]) for word in words)
    return f"@th,{header * 8},{WORD * 8} {{ {', '.join(numbers)} }}"


def _number(word: str) -> str:
    return f"0x{word.encode().hex()}"


def _anything(header: int) -> tuple[str, str]:
    """Data, whatever it is: a segment without any is neither."""
    return f"@th,{header * 8},8 < 0x80", f"@th,{header * 8},8 >= 0x80"


def _short_record(header: int) -> str:
    """A record of TLS 1.2 or 1.3 with data in it, and less than a request."""
    return f"@th,{header * 8},24 0x170303 @th,{header * 8 + 24},16 < {SHORTEST_TURN}"
