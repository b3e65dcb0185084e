"""The CLI's client of the Docker API: over a socket, and over the docker CLI's own tunnel."""

from __future__ import annotations

import json
import socketserver
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from skerry.cli import client
from skerry.cli.client import DockerClient, Refused, Unreachable

TUNNEL = f"""#!{sys.executable}
import os, socket, sys, threading
if sys.argv[1:3] == ["context", "ls"]:
    print("here"); sys.exit()
if "--host" in sys.argv:
    print("error during connect: nobody", file=sys.stderr); sys.exit(1)
assert sys.argv[1:] == ["--context", "here", "system", "dial-stdio"]
s = socket.socket(socket.AF_UNIX); s.connect(os.environ["ENGINE"])
def up():
    while piece := os.read(0, 65536):
        s.sendall(piece)
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while piece := s.recv(65536):
    os.write(1, piece)
"""


class Engine(BaseHTTPRequestHandler):
    """Answers in JSON what it was asked; `/cut` hangs up in the middle of its answer."""

    protocol_version = "HTTP/1.1"

    def _answer(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) + (5 if self.path == "/cut" else 0)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.path in ("/cut", "/close")

    def do_GET(self) -> None:
        """A GET."""
        missing = self.path == "/missing"
        self._answer(404 if missing else 200, {"message": "no such thing"} if missing else self.path)

    def do_POST(self) -> None:
        """A POST, its body as the answer."""
        if "Transfer-Encoding" in self.headers:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, body.decode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Path]:
    """A socket at which `Engine` answers."""
    path = tmp_path / "d.sock"

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True

        def get_request(self) -> tuple[object, str]:  # type: ignore[override]
            return super().get_request()[0], "client"

    with Server(str(path), Engine) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield path
        server.shutdown()


@pytest.fixture(params=["socket", "tunnel"])
def place(
    engine: Path, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DockerClient]:
    """A client of it, both ways."""
    docker = tmp_path / "docker"
    docker.write_text(TUNNEL)
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("ENGINE", str(engine))
    one = client.at_socket("here", str(engine)) if request.param == "socket" else client.at("here")
    yield one
    one.close()


def test_asking(place: DockerClient) -> None:
    assert place.get("/a") == "/a"
    assert place.get("/a", label=["b"]) == "/a?filters=%7B%22label%22%3A+%5B%22b%22%5D%7D"
    assert place.post("/b", {"c": 1}) == '{"c": 1}'
    assert place.upload("/d", [b"x" * 70000, b"y"], "application/x-tar") == b'"' + b"x" * 70000 + b'y"'
    with place.download("/e") as pieces:
        assert b"".join(pieces) == b'"/e"'
    assert place.get("/close") == "/close"
    assert place.get("/again") == "/again"


def test_errors(place: DockerClient) -> None:
    assert place.find("/missing") is None
    with pytest.raises(Refused, match="no such thing"):
        place.get("/missing")
    with pytest.raises(Unreachable, match="here: "):
        place.get("/cut")
    assert place.get("/again") == "/again"


def test_nobody_there(place: DockerClient) -> None:
    with pytest.raises(Unreachable, match="tcp://nowhere: error during connect: nobody"):
        client.at("tcp://nowhere").get("/a")
    with pytest.raises(Unreachable, match="elsewhere is neither a docker context nor a host"):
        client.at("elsewhere")


def test_no_docker_cli(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unreachable, match="there is none in the PATH"):
        client.at("ssh://root@manager")
    with pytest.raises(Unreachable, match=r"here: No such file or directory"):
        client.at_socket("here", "/nowhere/d.sock").get("/a")
