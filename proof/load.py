"""The clients' process, as the one who plays sees it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec

from demo.patience import PATIENCE
from demo.settings import CHECKOUT
from proof.cells import Request
from proof.clients import Places
from proof.stack import Stack
from proof.stream import Place
from tests.world.net import INSIDE, INSIDE6

SESSION_S = 2.5
"""How long a session may still go on that was begun when there were many."""


class Load:
    """All clients, on the outside host; `stop` ends them and tells what they saw."""

    def __init__(self, stack: Stack) -> None:
        net = stack.world.net
        machine = Path("/run/netns") / net.inside
        places = Places(
            outside=Place(INSIDE),
            outside6=Place(INSIDE6),
            own6=Place("::1", str(machine)),
            leg=Place(stack.leg(), str(machine)),
            resolver=Place("127.0.0.11", f"/proc/{stack.asker()}/ns/net"),
        )
        words = [sys.executable, "-m", "proof.clients", msgspec.json.encode(places).decode()]
        self._process = subprocess.Popen(
            net.within(words, outside=True), cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
        )
        self._requests: list[Request] = []
        self._begun = threading.Event()
        self._ended = False
        self._many = True
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._begun.wait(PATIENCE * 30):
            raise RuntimeError("the clients do not begin")

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._begun.set()
                if line == "end\n":
                    self._ended = True
                else:
                    self._requests.append(Request.read(line))

    def set(self, *, many: bool) -> None:
        """Two sessions of each kind, or only one; returns when it is so."""
        if many == self._many:
            return
        self._many = many
        self._process.send_signal(signal.SIGUSR2 if many else signal.SIGUSR1)
        time.sleep(SESSION_S)

    def stop(self) -> list[Request]:
        """End it, once every request under way is through; all requests."""
        self._process.terminate()
        self._reader.join(PATIENCE * 60)
        self._process.kill()
        self._process.wait()
        if not self._ended:
            raise RuntimeError("the clients ended before they were told to")
        return self._requests
