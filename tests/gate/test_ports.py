"""Reserved ports, on loopback."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from skerry.gate import sctp
from skerry.gate.desired_state import DesiredState
from skerry.gate.hold import Namespace
from skerry.gate.message import Desired
from skerry.gate.ports import Ports, reserve
from skerry.gate.relay import Relay
from skerry.gate.socket_passing import Inherited
from skerry.model.traffic import Backend, PublishedPort, Traffic


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def occupy(address: str, kind: socket.SocketKind, reuse: bool = False) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    other = socket.socket(family, kind)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
    other.bind((address, 0))
    if kind == socket.SOCK_STREAM:
        other.listen()
    return other


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "::", "::1"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("reuse", [False, True])
def test_a_port_of_another_program_is_refused(address: str, protocol: str, reuse: bool) -> None:
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with occupy(address, kind, reuse) as other, pytest.raises(OSError, match="Address already in use"):
        reserve(protocol, other.getsockname()[1]).close()


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_reserved_port_is_refused_to_others(protocol: str) -> None:
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    port = free_port(kind)
    with reserve(protocol, port), socket.socket(socket.AF_INET, kind) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="Address already in use"):
            other.bind(("127.0.0.1", port))


async def test_update_reserves_and_releases() -> None:
    state = DesiredState()
    ports = Ports(Relay(state, Namespace(None).tcp), lambda: None, Inherited())
    one, other = free_port(), free_port(socket.SOCK_DGRAM)
    destination = (PublishedPort("tcp", one, 80, "s", "v"), PublishedPort("udp", other, 53, "s", "v"))
    ports.update(destination)
    assert list(ports.reserved) == [f"tcp/{one}", f"udp/{other}"]
    ports.update(destination[1:])
    assert list(ports.reserved) == [f"udp/{other}"]
    ports.stop()
    assert list(ports.reserved) == []


async def test_a_refused_port_is_taken_when_it_is_free_and_told() -> None:
    state, told = DesiredState(), asyncio.Event()
    ports = Ports(Relay(state, Namespace(None).tcp), told.set, Inherited())
    retrying = asyncio.create_task(ports.retry_for_ever())
    with occupy("0.0.0.0", socket.SOCK_STREAM) as other:
        port = other.getsockname()[1]
        ports.update([PublishedPort("tcp", port, 80, "s", "v")])
        assert ports.refused == {f"tcp/{port}": "address already in use"}
    async with asyncio.timeout(15):
        await told.wait()
    assert (ports.reserved, ports.refused) == ((f"tcp/{port}",), {})
    retrying.cancel()
    ports.stop()


async def test_ipv6_and_what_slips_through_are_relayed() -> None:
    state = DesiredState()
    ports = Ports(Relay(state, Namespace(None).tcp), lambda: None, Inherited())
    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    target = server.sockets[0].getsockname()[1]
    port = PublishedPort("tcp", free_port(), target, "s", "v", (Backend("t", "127.0.0.1"),))
    state.post(Desired(1, Traffic(ports=(port,))))
    ports.update([port])
    for address in ("::1", "127.0.0.1"):
        reader, writer = await asyncio.open_connection(address, port.port)
        assert await reader.read() == b"hello"
        writer.close()
        await writer.wait_closed()
    ports.stop()
    server.close()
    await asyncio.sleep(0)


async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello")
    writer.close()


@pytest.mark.case("N17")
def test_udp_and_sctp_have_numbers_of_their_own() -> None:
    port = free_port(socket.SOCK_DGRAM)
    with reserve("udp", port), reserve("sctp", port):
        pass


@pytest.mark.case("N17")
async def test_sctp_is_refused_where_the_kernel_does_not_translate_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sctp.is_tracked(tmp_path) is None
    (tmp_path / "nf_conntrack_max").touch()
    assert sctp.is_tracked(tmp_path) is False
    monkeypatch.setattr(sctp, "is_tracked", lambda: False)

    async def scene() -> Ports:
        ports = Ports(Relay(DesiredState(), Namespace(None).tcp), lambda: None, Inherited())
        ports.update([PublishedPort("sctp", 9, 9, "s", "v")])
        return ports

    ports = await scene()
    words = "this kernel doesn't translate SCTP (CONFIG_NF_CT_PROTO_SCTP)"
    assert (ports.reserved, ports.refused) == ((), {"sctp/9": words})
    (tmp_path / "nf_conntrack_sctp_timeout_established").touch()
    monkeypatch.undo()
    assert sctp.is_tracked(tmp_path) is True
