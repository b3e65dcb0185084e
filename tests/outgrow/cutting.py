"""A proxy before an engine's socket that cuts the connection at a request that would change something."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path


class Cutting:
    """Listens at `path`. A POST ends its connection: before the engine gets it, or before its answer."""

    def __init__(self, path: Path, engine: str) -> None:
        self.path = path
        self.engine = engine.removeprefix("unix://")
        self.after = False
        """Whether the engine still gets the request."""
        self.cuts = 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as engine, suppress(OSError):
            engine.connect(self.engine)
            cut = threading.Event()
            threading.Thread(target=self._answers, args=(engine, client, cut), daemon=True).start()
            while piece := client.recv(1 << 16):
                if piece.startswith(b"POST ") and not cut.is_set():
                    self.cuts += 1
                    cut.set()
                    if not self.after:
                        break
                engine.sendall(piece)
            client.shutdown(socket.SHUT_RDWR)

    def _answers(self, engine: socket.socket, client: socket.socket, cut: threading.Event) -> None:
        """Engine to client; the first answer after the cut is swallowed, and ends it."""
        with suppress(OSError):
            while piece := engine.recv(1 << 16):
                if cut.is_set():
                    break
                client.sendall(piece)
            client.shutdown(socket.SHUT_RDWR)
