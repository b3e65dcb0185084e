"""The recorder: a proxy on a unix socket that keeps what passes."""

from __future__ import annotations

import contextlib
import http.client
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.transcripts.transcript import Exchange
from tests.transcripts.wire import ASKED_HEADERS, Unix, unquoted, value

_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


class Recorder(socketserver.ThreadingUnixStreamServer):
    """Listens at `path`, asks the engine at `upstream`; every exchange is in `exchanges`, in their order."""

    daemon_threads = True

    def __init__(self, path: Path, upstream: Path) -> None:
        self.upstream = upstream
        self.exchanges: list[Exchange] = []
        self.lock = threading.Lock()
        super().__init__(str(path), _Handler)

    def take(self) -> list[Exchange]:
        """What passed since the last time."""
        with self.lock:
            found, self.exchanges = self.exchanges, []
        return found


@contextlib.contextmanager
def recording(path: Path, upstream: Path) -> Iterator[Recorder]:
    """A recorder that listens for as long as the context is open."""
    with Recorder(path, upstream) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Recorder

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the transcript is the log."""

    def _pass(self) -> None:
        data = self._body()
        asked_headers = {name: self.headers[name] for name in ASKED_HEADERS if name in self.headers}
        exchange = Exchange(self.command, unquoted(self.path), _json(data), headers=asked_headers)
        with self.server.lock:
            self.server.exchanges.append(exchange)
        upstream = Unix(self.server.upstream)
        try:
            headers = {name: item for name, item in self.headers.items() if name.lower() not in _HOP}
            upstream.request(self.command, self.path, data or None, headers)
            answer = upstream.getresponse()
            told = answer.read()
        finally:
            upstream.close()
        exchange.status = answer.status
        exchange.kind = answer.headers.get("Content-Type", "")
        exchange.told = value(exchange.target, exchange.kind, told)
        self._answer(answer, told)

    def _answer(self, answer: http.client.HTTPResponse, told: bytes) -> None:
        self.send_response_only(answer.status, answer.reason)
        for name, item in answer.headers.items():
            if name.lower() not in _HOP:
                self.send_header(name, item)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(told)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _pass  # noqa: N815 (the base class's names)


def _json(data: bytes) -> Any:
    if not data:
        return None
    try:
        return json.loads(data)
    except ValueError:
        return data.decode("utf-8", "replace")
