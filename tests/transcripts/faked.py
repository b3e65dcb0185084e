"""An engine of another machine: a proxy that changes every fact of the machine in what the engine answers."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

from proof.cutter import Cutter
from tests.transcripts import machine
from tests.transcripts.transcript import Exchange
from tests.transcripts.wire import ask, unquoted

NAME = "another-host.example"
OTHER: dict[str, Any] = {
    "OSType": "linux",  # no machine has another
    "Os": "linux",
    "Driver": "btrfs",
    "DriverStatus": [["Btrfs", ""]],
    "CgroupDriver": "systemd",
    "CgroupVersion": "2",
    "CgroupnsMode": "private",
    "OomKillDisable": None,
    "NCPU": 48,
    "SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin", "name=cgroupns"],
    "Warnings": ["WARNING: No swap limit support", "WARNING: bridge-nf-call-iptables is disabled"],
    "Runtimes": {"crun": {"path": "/usr/bin/crun"}, "runc": {"path": "runc"}},
    "Labels": ["rack=1"],
    "Name": NAME,
    "SystemTime": "2031-02-03T04:05:06.789+05:30",
}
"""What a fact becomes, where it is more than another value of its type."""


class Faked(Cutter):
    """A unix socket in front of the engine's."""

    def instead(self, client: socket.socket, request: bytes) -> bool:
        """Answer a question for facts of the machine; all else goes on to the engine."""
        method, _, rest = request.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        target = unquoted(rest.rpartition(" ")[0])
        if method != "GET" or not machine.tells(target):
            return False
        answer = ask(self.engine, Exchange(method, target))
        if answer.status != 200:
            return False
        body = json.dumps(faked(target, answer.told)).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        return True


def faked(target: str, told: Any) -> Any:
    """An answer of another machine's engine."""
    body = machine.changed(target, told, _other)
    if isinstance(body, dict) and "SystemTime" in body:
        body |= {key: OTHER[key] for key in ("Name", "SystemTime")}
    return body


def _longer(value: list[Any]) -> list[Any]:
    if all(isinstance(item, str) for item in value):
        return sorted([*value, "other"])
    return [_other("", item) for item in value]


def _other(key: str, value: Any) -> Any:
    if key in OTHER:
        return OTHER[key]
    return _BY_TYPE.get(type(value), lambda same: same)(value)


_BY_TYPE: dict[type, Callable[[Any], Any]] = {
    bool: lambda value: not value,
    int: lambda value: value + 4096,
    str: lambda value: f"{value}-other",
    list: _longer,
    dict: lambda value: {key: _other(key, item) for key, item in value.items()},
}
