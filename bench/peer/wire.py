"""Writes to the Docker API without the CLI's own time, and waits until tasks are what they should be."""

from __future__ import annotations

import http.client
import json
import socket
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

TERMINAL = {"complete", "shutdown", "failed", "rejected", "remove", "orphaned"}
LOOK_S = 0.02
LIMIT_S = 240.0


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=LIMIT_S)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(LIMIT_S)
        self.sock.connect(self._path)


class Wire:
    """One kept connection to a Docker API."""

    def __init__(self, path: Path) -> None:
        self._connection = _Unix(path)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """A call; its JSON, or None. Raises RuntimeError with the answer where it is refused."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self._connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {said.decode(errors='replace')}")
        return json.loads(said) if said.strip() else None

    def service(self, name: str) -> Any:
        """A service."""
        return self.call("GET", f"/services/{name}")

    def tasks(self, name: str) -> list[Any]:
        """The tasks of a service."""
        filters = quote(json.dumps({"service": [name]}))
        found: list[Any] = self.call("GET", f"/tasks?filters={filters}")
        return found

    def change(self, name: str, edit: Callable[[Any], None]) -> None:
        """Update a service's spec."""
        while True:
            service = self.service(name)
            edit(service["Spec"])
            version = service["Version"]["Index"]
            try:
                self.call("POST", f"/services/{name}/update?version={version}", service["Spec"])
            except RuntimeError as error:
                if "out of sequence" not in str(error):
                    raise
                continue
            return

    def roll(self, name: str, replicas: int, edit: Callable[[Any], None], *, replaces: bool = True) -> float:
        """Change a service; seconds from the call until the old tasks have stopped and the new are ready.

        Without `replaces`: until `replicas` run, and nothing else does.
        """
        old = {task["ID"] for task in self.tasks(name)} if replaces else set()
        start = time.monotonic()
        self.change(name, edit)
        self.until(lambda: self._there(name, replicas, old), f"{name} has {replicas} tasks")
        return time.monotonic() - start

    def _there(self, name: str, replicas: int, old: set[str]) -> bool:
        alive = [task for task in self.tasks(name) if task["Status"]["State"] not in TERMINAL]
        ready = [task for task in alive if task["Status"]["State"] == "running"]
        return len(alive) == len(ready) == replicas and not any(task["ID"] in old for task in alive)

    def until(self, true: Callable[[], bool], what: str, look_s: float = LOOK_S) -> None:
        """Look until it is so."""
        deadline = time.monotonic() + LIMIT_S
        while not true():
            if time.monotonic() > deadline:
                raise RuntimeError(f"after {LIMIT_S:g} s still not so: {what}")
            time.sleep(look_s)

    def settled(self, name: str) -> None:
        """Until no update is under way."""
        words = ("updating", "rollback_started")
        self.until(
            lambda: (self.service(name).get("UpdateStatus") or {}).get("State") not in words,
            f"the update of {name} is over",
        )

    def gone(self, label: str, left: int = 0) -> None:
        """Until no more than so many containers with a label (`key=value`) are left."""
        filters = quote(json.dumps({"label": [label]}))
        path = f"/containers/json?all=1&filters={filters}"
        self.until(lambda: len(self.call("GET", path)) <= left, f"{left} containers of {label} are left")


def running(wire: Wire, name: str) -> int:
    """How many tasks of a service run and shall."""
    return sum(
        task["Status"]["State"] == "running" and task["DesiredState"] == "running"
        for task in wire.tasks(name)
    )


def timed(work: Callable[[], object], repeats: int = 1) -> float:
    """Seconds that it takes: the median of so many times."""
    took = []
    for _ in range(repeats):
        start = time.monotonic()
        work()
        took.append(time.monotonic() - start)
    return statistics.median(took)
