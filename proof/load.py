"""The clients' processes, as the one who plays sees them."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Sequence

from demo.patience import PATIENCE
from demo.settings import CHECKOUT
from proof.cells import Request

SESSION_S = 2.5
"""How long a session may still go on that was begun when there were many."""


class Load:
    """All clients, by the commands of their processes; `stop` ends them and tells what they saw."""

    def __init__(self, commands: Sequence[Sequence[str]]) -> None:
        self._requests: list[Request] = []
        self._many = True
        self._streams = [_Stream(command, self._requests) for command in commands]
        if not all(stream.begun.wait(PATIENCE * 30) for stream in self._streams):
            for stream in self._streams:
                stream.kill()
            raise RuntimeError("the clients do not begin")

    def set(self, *, many: bool) -> None:
        """Two sessions of each kind, or only one; returns when it is so."""
        if many == self._many:
            return
        self._many = many
        for stream in self._streams:
            stream.process.send_signal(signal.SIGUSR2 if many else signal.SIGUSR1)
        time.sleep(SESSION_S)

    def stop(self) -> list[Request]:
        """End it, once every request under way is through; all requests."""
        for stream in self._streams:
            stream.process.terminate()
        ended = [stream.end() for stream in self._streams]
        if not all(ended):
            raise RuntimeError("the clients ended before they were told to")
        return self._requests


class _Stream:
    """A process that writes a line for each request, and `end`."""

    def __init__(self, command: Sequence[str], requests: list[Request]) -> None:
        self.process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
        self.begun = threading.Event()
        self._requests = requests
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.begun.set()
                if line == "end\n":
                    self._ended = True
                else:
                    self._requests.append(Request.read(line))

    def end(self) -> bool:
        """Wait for its end, a while; whether it came to it in order."""
        self._reader.join(PATIENCE * 60)
        self.kill()
        return self._ended

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()
