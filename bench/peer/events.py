"""When a container died, in the engine's own words, and when the kernel's table was without its address."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from bench.peer.systems import System

LIMIT_S = 240.0


class Lines:
    """A program whose lines are taken as they come, each with its time."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(10)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with self._changed:
                    self.take(line, time.time())
                    self._changed.notify_all()

    def take(self, line: str, now: float) -> None:
        """A line, with the lock held."""
        raise NotImplementedError

    def _until(self, so: Callable[[], bool], what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(so, LIMIT_S):
                raise RuntimeError(f"after {LIMIT_S:g} s still not so: {what}")


class Deaths(Lines):
    """The engine's events of ended containers."""

    def __init__(self, system: System) -> None:
        url = "http://d/events?filters=%7B%22event%22:%5B%22die%22%5D%7D"
        super().__init__(["curl", "-sN", "--unix-socket", str(system.engine_socket), url])
        self._died: dict[str, float] = {}

    def forget(self) -> None:
        """Whatever died before does not count."""
        with self._changed:
            self._died.clear()

    def take(self, line: str, now: float) -> None:
        event = json.loads(line)
        self._died[event["Actor"]["ID"]] = event["timeNano"] / 1e9

    def at(self, container: str) -> float:
        """The time (s since 1970) at which the engine saw it end."""
        self._until(lambda: container in self._died, "the container has died")
        return self._died[container]


class Table(Lines):
    """The kernel table of an instance, followed by what `nft monitor` says of each transaction."""

    def __init__(self, system: System) -> None:
        super().__init__(system.net.within(["stdbuf", "-oL", "nft", "monitor"]))
        self._chain: list[str] = []
        self._written: list[tuple[float, str]] = []
        """When a transaction wrote a VIP's rules, and these."""

    def take(self, line: str, now: float) -> None:
        if line.startswith("add rule") and " vip-" in line:
            self._chain.append(line)
        elif line.startswith("# new generation"):
            if self._chain:
                self._written.append((now, "".join(self._chain)))
            self._chain = []

    def quiet(self) -> None:
        """What was written before does not count."""
        with self._changed:
            self._written.clear()

    def without(self, address: str) -> float:
        """The time (s since 1970) at which the VIP's rules were written without an address."""

        def found() -> float:
            return next((at for at, rules in self._written if f"{address} " not in f"{rules} "), 0.0)

        self._until(lambda: bool(found()), f"the table is without {address}")
        return found()
