"""HTTP on a unix socket as transcripts need it: one request, one answer, its body as a value."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import struct
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from tests.transcripts.transcript import Exchange

ASKED_HEADERS = ("X-Registry-Auth",)


class Unix(http.client.HTTPConnection):
    """A connection to a unix socket."""

    def __init__(self, path: Path | str, timeout: float = 60) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(path: Path | str, exchange: Exchange) -> Exchange:
    """The same request, asked of this socket."""
    connection = Unix(path)
    headers = dict(exchange.headers)
    data = None
    if exchange.asked is not None:
        asked = exchange.asked
        data = asked.encode() if isinstance(asked, str) else json.dumps(asked).encode()
        headers["Content-Type"] = "application/json"
    try:
        with contextlib.suppress(BrokenPipeError):  # an answer may come before the body was read
            connection.request(exchange.method, quoted(exchange.target), data, headers)
        answer = connection.getresponse()
        kind = answer.headers.get("Content-Type", "")
        told = value(exchange.target, kind, answer.read())
        return Exchange(
            exchange.method, exchange.target, exchange.asked, answer.status, kind, exchange.headers, told
        )
    finally:
        connection.close()


def get(path: Path | str, target: str) -> Any:
    """The JSON of a GET."""
    return ask(path, Exchange("GET", target)).told


def api_version(path: Path | str) -> str:
    """The newest version of the API that the engine behind a socket has: what it is recorded under."""
    return str(get(path, "/version")["ApiVersion"])


def quoted(target: str) -> str:
    """A target that was unquoted for reading, as it goes over the wire."""
    return quote(target, safe="/?&=:@,~()*")


def unquoted(target: str) -> str:
    """A target for reading."""
    return unquote(target.replace("+", " "))


def value(target: str, kind: str, data: bytes) -> Any:
    """A body as JSON: the list of events, the list of `[stream, line]` of logs, an object, or a text.

    The log of a terminal has no frames, which its first byte tells, and is a text.
    """
    if not data:
        return None
    if "/logs?" in target and data[0] < 4 and not kind.startswith("application/json"):
        return list(_frames(data))
    if "/events?" in target:
        return [json.loads(line) for line in data.splitlines() if line.strip()]
    if kind.startswith("application/json"):
        return json.loads(data)
    return data.decode("utf-8", "replace")


def _frames(data: bytes) -> Any:
    at = 0
    while at + 8 <= len(data):
        stream, length = struct.unpack(">BxxxI", data[at : at + 8])
        yield [stream, data[at + 8 : at + 8 + length].decode("utf-8", "replace")]
        at += 8 + length
    if at < len(data):
        yield [-1, data[at:].decode("utf-8", "replace")]
