"""Which tasks each connection was led to, as the kernel tells when it translates one."""

from __future__ import annotations

import errno
import socket
import struct
import threading
import time
from collections import defaultdict, deque
from contextlib import suppress
from pathlib import Path

from skerry.linux.netlink import attributes
from skerry.linux.netns import inside

_NETFILTER, _NEW_FLOWS = 12, 1  # NETLINK_NETFILTER, NF_NETLINK_CONNTRACK_NEW
_HEADER = struct.Struct("=IHHII")
_ORIGINAL, _REPLY, _ADDRESSES, _PROTOCOL, _SOURCE, _SOURCE_PORT = 1, 2, 1, 2, 1, 2
_SO_RCVBUFFORCE = 33
REMEMBERED = 8
"""Connections of one address and port."""
HEARD_S = 2.0
"""So late it may be heard of a connection; no other one comes from the same port so soon."""
EVENTS = Path("/proc/sys/net/netfilter/nf_conntrack_events")


class Ways:
    """Listens in a network namespace until closed."""

    def __init__(self, namespace: Path) -> None:
        self._ways: dict[str, deque[tuple[float, str]]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        self._socket = inside(namespace, _listening)
        self._thread = threading.Thread(target=self._listen, name="ways", daemon=True)
        self._thread.start()

    def of(self, client: str, start: float, end: float) -> frozenset[str]:
        """The tasks that a request from a client's address and port was led to, from its start to its end (on
        CLOCK_MONOTONIC). A connection has one when it is made, and another when what is left of it is sent
        after the kernel has forgotten the first."""
        ways = [way for way in tuple(self._ways.get(client, ())) if way[0] <= end + HEARD_S]
        during = [task for at, task in ways if at > start]
        before = [task for at, task in ways if at <= start]
        return frozenset(before[-1:] + during)

    def _listen(self) -> None:
        while True:
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                continue
            except OSError as error:
                if error.errno == errno.ENOBUFS:  # more was told than the buffer takes
                    continue
                return
            self._note(data)

    def _note(self, data: bytes) -> None:
        at = 0
        while at + _HEADER.size <= len(data):
            length, *_ = _HEADER.unpack_from(data, at)
            flow = attributes(data[at + _HEADER.size + 4 : at + length])
            at += max((length + 3) & ~3, _HEADER.size)
            with suppress(KeyError, struct.error):
                asking, answering = attributes(flow[_ORIGINAL]), attributes(flow[_REPLY])
                (port,) = struct.unpack("!H", attributes(asking[_PROTOCOL])[_SOURCE_PORT])
                self._ways[f"{_source(asking)}:{port}"].append((time.monotonic(), _source(answering)))

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


def _source(direction: dict[int, bytes]) -> str:
    return socket.inet_ntoa(attributes(direction[_ADDRESSES])[_SOURCE])


def _listening() -> socket.socket:
    with suppress(OSError):
        EVENTS.write_text("1")
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER)
    made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 8 << 20)  # past rmem_max: none may be lost
    made.bind((0, _NEW_FLOWS))
    made.settimeout(0.5)
    return made
