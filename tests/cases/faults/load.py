"""The parent's side of the clients: their process, and what they saw."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import NamedTuple

import msgspec

from demo.settings import CHECKOUT
from harness.net import Net
from tests.cases.faults.clients import MANNERS, Target

END_S = 60


class Request(NamedTuple):
    """One request: start on CLOCK_MONOTONIC in seconds, duration in ms, the client's address and port."""

    start: float
    took_ms: float
    kind: str
    outcome: str
    client: str
    text: str

    @property
    def service(self) -> str:
        """Whom it asked."""
        return self.kind.split()[0]

    @property
    def end(self) -> float:
        """When it was over."""
        return self.start + self.took_ms / 1000


class Load:
    """All clients, from `Load(…)` to `stop`; they wait for an answer no longer than `patience_s`."""

    def __init__(self, net: Net, targets: list[Target], patience_s: float) -> None:
        words = [sys.executable, "-m", "tests.cases.faults.clients", str(patience_s)]
        words.append(msgspec.json.encode(targets).decode())
        self._patience_s = patience_s
        self._process = subprocess.Popen(
            net.within(words, outside=True), cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
        )
        self._kinds = len(MANNERS) * len(targets)
        self._requests: list[Request] = []
        self._reader = threading.Thread(target=self._read, name="load", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line != "end\n":
                words = line.rstrip("\n").split("\t")
                self._requests.append(Request(float(words[0]), float(words[1]), *words[2:6]))

    def since(self, start: float) -> list[Request]:
        """The requests that were over after a moment."""
        return [one for one in list(self._requests) if one.end >= start]

    def good_since(self, start: float) -> bool:
        """Whether every client has been answered by a request that began after a moment, and none failed."""
        seen = [one for one in list(self._requests) if one.start >= start]
        answered = {one.kind for one in seen if one.outcome != "failed"}
        return len(answered) == self._kinds and all(one.outcome != "failed" for one in seen)

    def stop(self) -> None:
        """End it, once every request under way is through."""
        self._process.terminate()
        self._reader.join(END_S + self._patience_s)
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
