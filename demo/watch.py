"""Watches a rollout through the API, at least 20 times a second."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from demo.patience import PATIENCE
from demo.shell import StepFailed

EVERY = 0.04
T = TypeVar("T")
TERMINAL = {"complete", "shutdown", "failed", "rejected", "remove", "orphaned"}


class _Unix(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=PATIENCE * 30)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE * 30)
        self.sock.connect(self._path)


class Api:
    """Reads of the Docker Engine API, by a connection each."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, path: str, **filters: list[str]) -> Any:
        """The JSON of a GET; `filters` become Docker's. Raises StepFailed for any status but 200."""
        query = "?" + urlencode({"filters": json.dumps(filters)}) if filters else ""
        try:
            status, body = self._ask(path + query)
        except (http.client.HTTPException, OSError):  # skerryd may have been killed meanwhile
            status, body = self._ask(path + query)
        if status != 200:
            raise StepFailed(f"GET {path} answered {status}: {body.decode(errors='replace').strip()}")
        return json.loads(body)

    def _ask(self, target: str) -> tuple[int, bytes]:
        with contextlib.closing(_Unix(self._path)) as connection:
            connection.request("GET", target)
            response = connection.getresponse()
            return response.status, response.read()

    def service(self, name: str) -> dict[str, Any]:
        """A service's JSON."""
        found: dict[str, Any] = self.get(f"/services/{name}")
        return found

    def tasks(self, service: str) -> list[dict[str, Any]]:
        """All tasks of a service, ended ones too."""
        found: list[dict[str, Any]] = self.get("/tasks", service=[service])
        return found

    def live(self, service: str) -> list[dict[str, Any]]:
        """Its tasks that are wanted running and have not ended."""
        return [
            task
            for task in self.tasks(service)
            if task["DesiredState"] == "running" and task["Status"]["State"] not in TERMINAL
        ]

    def containers(self, service: str) -> list[dict[str, Any]]:
        """Its running containers, as `docker ps` sees them."""
        found: list[dict[str, Any]] = self.get(
            "/containers/json", label=[f"com.docker.swarm.service.name={service}"]
        )
        return found

    def update_state(self, service: str) -> str:
        """UpdateStatus.State, or "" before the first update."""
        return str((self.service(service).get("UpdateStatus") or {}).get("State", ""))


def wait_for(condition: Callable[[], T], what: str, timeout: float = 60) -> T:
    """Ask until the answer is true, and return it; StepFailed after `timeout` seconds of a quiet machine."""
    deadline = time.monotonic() + PATIENCE * timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise StepFailed(f"after {PATIENCE * timeout:g} s still not so: {what}")
        time.sleep(EVERY)


class Rollout:
    """Times a change of a service, from `with` on, until its tasks are what they shall be.

    With `replaces`, that is: every task that lived before has ended, its container too, and `replicas` others
    are ready. Without, that `replicas` tasks are ready. Ready: state running, its container healthy.
    """

    def __init__(self, socket: Path, service: str, replicas: int, *, replaces: bool = True) -> None:
        self._api = Api(socket)
        self._service = service
        self._replicas = replicas
        self._replaces = replaces
        self._old: set[str] = set()
        self._started = 0.0
        self._ended: float | None = None
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._seen = "nothing yet"
        self._patient = False
        self._thread = threading.Thread(target=self._watch, name=f"rollout {service}", daemon=True)

    def __enter__(self) -> Rollout:
        self._old = {task["ID"] for task in self._api.live(self._service)}
        self._started = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def pause(self) -> None:
        """Nobody answers for a while: do not take that for an error."""
        self._patient = True

    def go_on(self) -> None:
        """Somebody answers again."""
        self._patient = False

    @property
    def replaced(self) -> int:
        """How many tasks lived before."""
        return len(self._old)

    def wait(self, timeout: float = 60) -> float:
        """Seconds it took; waits for its end. To be called inside the `with`."""
        self._thread.join(max(0.0, self._started + PATIENCE * timeout - time.monotonic()))
        if self._error is not None:
            raise self._error
        if self._ended is None:
            raise StepFailed(f"{self._service} is not there after {PATIENCE * timeout:g} s: {self._seen}")
        return self._ended - self._started

    def _watch(self) -> None:
        while not self._stop.wait(EVERY):
            now = time.monotonic()
            patient = self._patient
            try:
                there = self._there()
            except (OSError, http.client.HTTPException, StepFailed) as error:
                if patient or self._patient:
                    continue
                self._error = error
                return
            if there:
                self._ended = now
                return

    def _there(self) -> bool:
        tasks = self._api.tasks(self._service)
        live = [task for task in tasks if task["DesiredState"] == "running"]
        ready = {task["ID"] for task in live if task["Status"]["State"] == "running"}
        old = {task["ID"] for task in tasks if task["Status"]["State"] not in TERMINAL} & self._old
        self._seen = f"{len(ready)} of {self._replicas} tasks run, {len(old)} old ones"
        if len(live) != self._replicas or len(ready) != self._replicas:
            return False
        if self._replaces and (old or ready & self._old):
            return False
        return self._running() == ready

    def _running(self) -> set[str] | None:
        """The task IDs of the containers that run, or None while one of them is not healthy."""
        found = set()
        for container in self._api.containers(self._service):
            if "(healthy)" not in container["Status"]:
                self._seen += f", {container['Names'][0]} is {container['Status']}"
                return None
            found.add(container["Labels"]["com.docker.swarm.task.id"])
        self._seen += f", {len(found)} containers run"
        return found


@contextlib.contextmanager
def nothing_replaced(api: Api, service: str) -> Iterator[None]:
    """Inside, no task of the service may be replaced."""
    before = {task["ID"] for task in api.live(service)}
    yield
    after = {task["ID"] for task in api.live(service)}
    if before != after:
        raise StepFailed(f"{service} was not changed, and yet tasks were replaced")
