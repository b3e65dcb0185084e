"""Who uses a skerry in the soak: one who updates, one who lists, followers who come and go, one who asks."""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from harness.world import World
from skerry.cli.client import Refused, UnixConnection

LISTED = ("/services?status=true", "/tasks", "/containers/json", "/networks", "/nodes")
FOLLOWED_S = (3.0, 5.0, 8.0)
"""So long each follower stays, in turn."""


class Api:
    """One kept connection, as a deployment tool's."""

    def __init__(self, world: World) -> None:
        self._connection = UnixConnection(str(world.socket), 60)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """A request. Raises Refused unless it is answered with success."""
        data = json.dumps(body) if body is not None else None
        self._connection.request(method, path, data, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise Refused(answer.status, content.decode())
        return json.loads(content) if content else {}

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Users:
    """All of them; each is a thread from `start` to `stop`. What one of them dies of is raised then.

    The one who updates does so while `updating` is set.
    """

    def __init__(self, world: World, services: list[str], every_s: float) -> None:
        self._world = world
        self._services = services
        self._stop = threading.Event()
        self.updating = threading.Event()
        self._wrong: list[BaseException] = []
        self.updates = 0
        self.every_s = every_s
        """The time from one update to the next."""
        works = (self._update, self._list, self._ask, self._follow_events, self._follow_logs)
        self._threads = [threading.Thread(target=self._keep, args=(work,), daemon=True) for work in works]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, in order."""
        self._stop.set()
        self.updating.set()
        for thread in self._threads:
            thread.join(120)
        self._check()

    def _check(self) -> None:
        if self._wrong:
            raise self._wrong[0]

    def have_updated(self, times: int) -> bool:
        """Whether each service has been updated so often. Raises what one of the users has died of."""
        self._check()
        return self.updates >= times * len(self._services)

    def _keep(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told by `stop`
            self._wrong.append(error)

    def _update(self) -> None:
        """Of one service after another: another environment, so that its tasks are replaced."""
        with closing(Api(self._world)) as api:
            for service in itertools.cycle(self._services):
                self.updating.wait()
                began = time.monotonic()
                self._update_one(api, service)
                if self._stop.wait(max(0.0, began + self.every_s - time.monotonic())):
                    return

    def _update_one(self, api: Api, name: str) -> None:
        """Again where something else was written at that moment."""
        while True:
            service = api.call("GET", f"/services/{name}")
            service["Spec"]["TaskTemplate"]["ContainerSpec"]["Env"] = [f"NUMBER={self.updates}"]
            try:
                version = service["Version"]["Index"]
                api.call("POST", f"/services/{name}/update?version={version}", service["Spec"])
            except Refused as error:
                if "out of sequence" not in str(error):
                    raise
            else:
                self.updates += 1
                return

    def _list(self) -> None:
        """Once a second, all that there is."""
        with closing(Api(self._world)) as api:
            while not self._stop.wait(1.0):
                for path in LISTED:
                    api.call("GET", path)

    def _ask(self) -> None:
        """Once a second, the first service by its published port."""
        while not self._stop.wait(1.0):
            words = ("curl", "--silent", "--max-time", "5", "http://10.99.0.2:8080/")
            self._world.run(*words, outside=True, check=False)

    def _follow_events(self) -> None:
        self._follow("events")

    def _follow_logs(self) -> None:
        self._follow("service", "logs", "--follow", self._services[-1])

    def _follow(self, *words: str) -> None:
        """A follower after another; each is killed in the middle."""
        line = self._world.net.within(["docker", "--host", f"unix://{self._world.socket}", *words])
        for stays_s in itertools.cycle(FOLLOWED_S):
            quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            follower = subprocess.Popen(line, env=self._world.env, **quiet)  # type: ignore[call-overload]
            over = self._stop.wait(stays_s)
            follower.kill()
            follower.wait()
            if over:
                return
