"""The parent's side of the clients: their process, and what they saw."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from demo.patience import PATIENCE
from demo.settings import CHECKOUT, Settings
from demo.shell import StepFailed


class Request(NamedTuple):
    """One request: start on CLOCK_MONOTONIC in seconds, duration in ms.

    `version` is that of the app which answered; `text` says why it failed or reconnected.
    """

    start: float
    took_ms: float
    kind: str
    outcome: str
    version: str
    text: str


@dataclass(frozen=True)
class Tally:
    """Requests of a stretch of time, added up."""

    requests: int
    failed: int
    reconnects: int
    slowest_ms: float
    errors: tuple[str, ...]
    """The commonest failures, as `N x text (kind)`."""

    @staticmethod
    def of(requests: Iterable[Request]) -> Tally:
        """Add up."""
        seen = list(requests)
        bad = Counter(f"{one.text} ({one.kind})" for one in seen if one.outcome == "failed")
        return Tally(
            requests=len(seen),
            failed=sum(bad.values()),
            reconnects=sum(one.outcome == "reconnected" for one in seen),
            slowest_ms=max((one.took_ms for one in seen), default=0.0),
            errors=tuple(f"{count} x {text}" for text, count in bad.most_common(3)),
        )


class Load:
    """Clients in a process of their own, from `start` to `stop`; they begin at the first 200."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._first = threading.Event()
        self._ended = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        """Start the process; its requests come in from then on."""
        pace = self._settings.pace
        words = [*self._settings.inside, sys.executable, "-m", "demo.clients"]
        words += [self._settings.host, str(self._settings.port)]
        words += ["--kept", str(pace.kept), "--kept-every", str(pace.kept_every)]
        words += ["--fresh", str(pace.fresh), "--fresh-every", str(pace.fresh_every)]
        words += ["--loop-every", str(pace.loop_every)]
        self._process = subprocess.Popen(words, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, name="load", daemon=True)
        self._reader.start()

    def wait_first(self, timeout: float) -> None:
        """Wait for the first 200."""
        if not self._first.wait(PATIENCE * timeout):
            raise StepFailed(f"no 200 from {self._settings.url} within {timeout:g} s")

    def stop(self) -> None:
        """End it: requests under way are answered first. Raises StepFailed where the clients died early."""
        process, reader = self._process, self._reader
        if process is None or reader is None:
            return
        process.terminate()
        reader.join(PATIENCE * 30)
        if process.poll() is None and reader.is_alive():
            process.kill()
        process.wait()
        self._process = None
        if not self._ended.is_set():
            raise StepFailed("the clients ended before they were told to")

    def between(self, start: float, end: float) -> list[Request]:
        """The requests that began in a stretch of time."""
        with self._lock:
            return [one for one in self._requests if start <= one.start < end]

    def all(self) -> list[Request]:
        """Every request so far."""
        with self._lock:
            return list(self._requests)

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                words = line.rstrip("\n").split("\t")
                if words[0] == "first":
                    self._first.set()
                elif words[0] == "end":
                    self._ended.set()
                else:
                    with self._lock:
                        self._requests.append(Request(float(words[0]), float(words[1]), *words[2:6]))
