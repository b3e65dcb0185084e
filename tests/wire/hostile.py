"""What no client of good will sends: bytes for the front door."""

from __future__ import annotations

import random
from collections.abc import Callable


def _request(chance: random.Random) -> bytes:
    method = chance.choice(["GET", "POST", "HEAD", "DELETE", "PUT", "OPTIONS", "get", "G\x00T", ""])
    path = chance.choice(
        ["/services", "/_ping", "/info", "/v1.41/tasks", "/v9.9/x", "*", "//", "/%zz", "/\xff", ""]
    )
    line = f"{method} {path} {chance.choice(['HTTP/1.1', 'HTTP/1.0', 'HTTP/9.9', 'http', ''])}"
    return line.encode("latin-1") + b"\r\nHost: d\r\n"


SMUGGLED = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1"

HEADS: list[Callable[[random.Random], bytes]] = [
    lambda chance: chance.randbytes(chance.randrange(1, 400)),
    lambda chance: _request(chance) + b"\r\n",
    lambda chance: _request(chance)[: chance.randrange(1, 30)],
    lambda chance: _request(chance) + b"X: " + b"y" * chance.choice([100, 70_000, 300_000]) + b"\r\n\r\n",
    lambda chance: (
        _request(chance) + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1"
    ),
    lambda chance: _request(chance) + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    lambda chance: _request(chance) + b"Content-Length: %d\r\n\r\n{}" % chance.choice([-1, 0, 1, 2, 10**20]),
    lambda chance: _request(chance) + b"Transfer-Encoding: chunked\r\n\r\n%x\r\nab" % chance.randrange(2**40),
    lambda chance: _request(chance) + b"Transfer-Encoding: xchunked, \x0bchunked\r\n\r\n0\r\n\r\n",
    lambda chance: b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n" * chance.randrange(2, 20),
    lambda chance: b"POST /services/create HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{}" * 3,
    lambda chance: _request(chance) + b" folded: x\r\n\tmore\r\nNo colon\r\n: empty\r\n\r\n",
    lambda chance: (
        _request(chance)
        + b"Connection: Upgrade\r\nUpgrade: "
        + chance.randbytes(4).hex().encode()
        + b"\r\n\r\n"
    ),
    lambda chance: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + chance.randbytes(20),
    lambda chance: b"\r\n" * chance.randrange(1, 50) + _request(chance) + b"\r\n",
]


def unending(data: bytes) -> bool:
    """Whether a body is announced that does not come: the daemon waits for it a while."""
    chunked = b"ransfer-Encoding" in data and not data.endswith((b"0\r\n\r\n", b"HTTP/1.1"))
    return chunked or b"Content-Length: 1000" in data
