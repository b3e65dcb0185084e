"""Stands between skerryd and its engine, and can cut the event streams while all else goes on."""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType


class Cutter:
    """A unix socket whose connections go on to the engine's, as long as `with` lasts."""

    def __init__(self, place: Path, engine: Path) -> None:
        self.place = place
        self.engine = engine
        self._streams: set[socket.socket] = set()
        cutter = self

        class Connection(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                cutter._join(self.request)

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True
            request_queue_size = 128

        self._server = Server(str(place), Connection)
        self._serving = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Cutter:
        self._serving.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.place.unlink()

    def cut(self) -> int:
        """Cut every event stream; how many there were."""
        streams = list(self._streams)
        for one in streams:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        return len(streams)

    def instead(self, client: socket.socket, request: bytes) -> bool:
        """Whether a request was answered here, and is not to go on to the engine."""
        return False

    def _join(self, client: socket.socket) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
            engine.connect(str(self.engine))
            back = threading.Thread(target=_copy, args=(engine, client), daemon=True)
            back.start()
            with suppress(OSError):
                while data := client.recv(65536):
                    # a request comes in one piece: its client waits for the answer before it asks again
                    if b"/events" in data.partition(b"\r\n")[0]:
                        self._streams.add(client)
                    if not self.instead(client, data):
                        engine.sendall(data)
            self._streams.discard(client)
            with suppress(OSError):
                engine.shutdown(socket.SHUT_WR)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
