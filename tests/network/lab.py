"""A small lab of network namespaces: a machine with bridges, tasks on them, and an outside host.

```
 outside 192.0.2.9 ── out0 192.0.2.1 │ machine │ sk-red  10.0.1.1 ── tasks 10.0.1.x
                                     │         │ sk-blue 10.0.2.1 ── tasks 10.0.2.x
```
The test's coroutine runs in the machine's namespace, so that everything it starts is there.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from skerry.linux.netns import RUN_NETNS, inside
from skerry.model.traffic import Segment

T = TypeVar("T")

SERVER = Path(__file__).with_name("server.py")
RED = Segment("red", "sk-red", "10.0.1.0/24", "10.0.1.1", "10.0.1.254")
BLUE = Segment("blue", "sk-blue", "10.0.2.0/24", "10.0.2.1", "10.0.2.254")
OUTSIDE = "192.0.2.9"
MACHINE = "192.0.2.1"

_opened: list[socket.socket] = []
"""Clients' sockets, closed with the lab."""


def sh(command: str) -> str:
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr or done.stdout}"
    return done.stdout


class Lab:
    """Made once a test, around a namespace of its own or an engine's; `close` removes all that it made."""

    def __init__(self, machine: str = "") -> None:
        self.tag = f"sklab{os.getpid()}"
        self._names: list[str] = []
        self._servers: dict[str, subprocess.Popen[str]] = {}
        self.machine = machine or self._namespace(f"{self.tag}-m")
        sh(f"nsenter --net=/run/netns/{self.machine} sysctl -qw net.ipv4.ip_forward=1")
        self.outside = self._namespace(f"{self.tag}-o")
        self._veth(self.outside, "eth0", self.machine, "out0")
        sh(f"ip -n {self.outside} addr add {OUTSIDE}/24 dev eth0")
        sh(f"ip -n {self.machine} addr add {MACHINE}/24 dev out0")

    def _namespace(self, name: str) -> str:
        sh(f"ip netns add {name} && ip -n {name} link set lo up")
        self._names.append(name)
        return name

    def _veth(self, one: str, name: str, other: str, other_name: str) -> None:
        sh(
            f"ip -n {one} link add {name} type veth peer name {other_name} netns {other} && "
            f"ip -n {one} link set {name} up && ip -n {other} link set {other_name} up"
        )

    def bridge(self, segment: Segment) -> None:
        """A bridge as the engine makes it, with a fixed MAC."""
        last = segment.subnet.split(".")[2]
        sh(
            f"ip -n {self.machine} link add {segment.bridge} address 02:42:0a:00:0{last}:01 type bridge && "
            f"ip -n {self.machine} addr add {segment.gateway}/24 dev {segment.bridge} && "
            f"ip -n {self.machine} link set {segment.bridge} up"
        )

    def container(
        self, name: str, segment: Segment, address: str, gateway: bool = True, six: str = ""
    ) -> str:
        """A namespace plugged to a bridge, with an address of IPv6 too if one is given; its name."""
        namespace = self._namespace(f"{self.tag}-{name}")
        self._veth(namespace, "eth0", self.machine, f"v-{name}")
        sh(
            f"ip -n {self.machine} link set v-{name} master {segment.bridge} && "
            f"ip -n {namespace} addr add {address}/24 dev eth0"
        )
        if gateway:
            sh(f"ip -n {namespace} route add default via {segment.gateway}")
        if six and segment.six is not None:
            sh(f"ip -n {namespace} addr add {six}/64 dev eth0 nodad")
            sh(f"ip -n {namespace} route add default via {segment.six.gateway}")
        return namespace

    def serve(self, namespace: str, name: str) -> int:
        """Start `server.py` in a namespace; its pid once it is ready."""
        server = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{namespace}", sys.executable, str(SERVER), name],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout
        assert server.stdout.readline() == "ready\n"
        self._servers[name] = server
        return server.pid

    def stop(self, name: str) -> None:
        server = self._servers.pop(name)
        server.kill()
        server.wait()
        assert server.stdout
        server.stdout.close()

    def run(self, body: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine in the machine's namespace."""

        async def whole() -> T:
            return await body()

        return inside(RUN_NETNS / self.machine, lambda: asyncio.run(whole()))

    def close(self) -> None:
        while _opened:
            _opened.pop().close()
        for name in list(self._servers):
            self.stop(name)
        for name in reversed(self._names):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


async def connect(
    namespace: str, address: str, port: int, timeout_s: float = 20.0, own_port: int = 0
) -> socket.socket:
    """A connected socket of a namespace, from a port if one is given. OSError, TimeoutError included."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = inside(RUN_NETNS / namespace, lambda: socket.socket(family, socket.SOCK_STREAM))
    made.setblocking(False)
    _opened.append(made)
    if own_port:
        made.bind(("", own_port))
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.get_running_loop().sock_connect(made, (address, port))
    except BaseException:
        made.close()
        raise
    return made


class Http:
    """One keep-alive connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.answers = 0

    @classmethod
    async def open(cls, namespace: str, address: str, port: int, timeout_s: float = 20.0) -> Http:
        return cls(await connect(namespace, address, port, timeout_s))

    async def get(self, path: str = "/", timeout_s: float = 30.0, body: bytes | None = None) -> str:
        """The body. ConnectionError where the connection ends before the answer does."""
        loop = asyncio.get_running_loop()
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"
        if body is not None:
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        async with asyncio.timeout(timeout_s):
            await loop.sock_sendall(self.socket, head.encode() + (body or b""))
            data = b""
            while not _complete(data):
                more = await loop.sock_recv(self.socket, 65536)
                if not more:
                    raise ConnectionResetError(f"closed after {len(data)} bytes")
                data += more
        self.answers += 1
        return data.partition(b"\r\n\r\n")[2].decode()

    def close(self) -> None:
        self.socket.close()


def _complete(data: bytes) -> bool:
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return False
    if b"chunked" in head:
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(head.lower().partition(b"content-length:")[2].split()[0])


async def get(namespace: str, address: str, port: int, path: str = "/", timeout_s: float = 20.0) -> str:
    """One request on a connection of its own; `NAME PEER` of the server."""
    http = await Http.open(namespace, address, port, timeout_s)
    try:
        return (await http.get(path)).strip()
    finally:
        http.close()


async def silent(namespace: str, address: str, port: int, timeout_s: float = 0.4) -> bool:
    """Whether nobody answers there at all."""
    with suppress(OSError):
        (await connect(namespace, address, port, timeout_s)).close()
        return False
    return True
