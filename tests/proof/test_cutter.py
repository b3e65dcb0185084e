"""What cuts the engine's events, and nothing else."""

from __future__ import annotations

import http.client
import http.server
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from proof.cutter import Cutter


class Engine(http.server.BaseHTTPRequestHandler):
    """`/_ping` is answered; `/events` is a stream that never ends."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path.startswith("/v1.41/events"):
            self.end_headers()
            self.wfile.write(b"{}\n")
            with suppress(OSError):
                self.rfile.read()
            self.close_connection = True
            return
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"OK")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        return ""


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Path]:
    with Server(str(tmp_path / "engine.sock"), Engine) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield tmp_path / "engine.sock"
        server.shutdown()
        serving.join()


def connected(place: Path) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("docker", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(20)
    connection.sock.connect(str(place))
    return connection


def asked(connection: http.client.HTTPConnection) -> bytes:
    connection.request("GET", "/_ping")
    return connection.getresponse().read()


def test_only_event_streams_are_cut(engine: Path, tmp_path: Path) -> None:
    with Cutter(tmp_path / "cut.sock", engine) as cutter:
        kept, events = connected(cutter.place), connected(cutter.place)
        assert asked(kept) == b"OK"
        assert cutter.cut() == 0
        events.request("GET", "/v1.41/events?filters=x")
        stream = events.getresponse()
        assert stream.readline() == b"{}\n"
        assert cutter.cut() == 1
        assert stream.readline() == b""
        assert asked(kept) == b"OK"
        kept.close()
        events.close()
