"""Who has a port, by /proc of this machine."""

from __future__ import annotations

import os
import socket

import pytest

from skerry.linux.port_holders import holder_of
from skerry.linux.processes import process_name


@pytest.mark.parametrize(
    ("family", "kind", "protocol"),
    [
        (socket.AF_INET, socket.SOCK_STREAM, "tcp"),
        (socket.AF_INET6, socket.SOCK_STREAM, "tcp"),
        (socket.AF_INET, socket.SOCK_DGRAM, "udp"),
    ],
)
def test_a_port_of_this_process(family: int, kind: int, protocol: str) -> None:
    with socket.socket(family, kind) as held:
        held.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            held.listen()
        number = held.getsockname()[1]
        assert holder_of(f"{protocol}/{number}") == f"{process_name(os.getpid())} (process {os.getpid()})"
    assert holder_of(f"{protocol}/{number}") == ""
