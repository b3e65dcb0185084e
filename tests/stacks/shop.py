"""A stack on a real engine, deployed as `skerry deploy` does it, over the socket."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from harness.world import World, wait_until
from skerry.model.objects import Raw
from tests.semantics.swarm_api import SwarmApi

STACK = "com.docker.stack.namespace"
SECOND = 1_000_000_000
SERVE = 'echo "$VERSION" >/tmp/index.html; exec httpd -f -p 80 -h /tmp'
"""A page that says which version it is."""


def labels(stack: str) -> dict[str, str]:
    """What the docker CLI puts on all that is of a stack."""
    return {STACK: stack}


class Shop:
    """One stack in a world."""

    def __init__(self, world: World, stack: str = "shop") -> None:
        self.world, self.stack = world, stack
        self._api = SwarmApi(world.socket)

    def service(self, name: str, needs: str = "", version: str = "1", **more: Any) -> Raw:
        """A service that serves its version; `command`, `container`, `ports` and `labels` change that."""
        own = {**labels(self.stack), "skerry.update.deadline": "8s", **more.pop("labels", {})}
        if needs:
            own["skerry.depends_on"] = needs
        container = {
            "Image": "box:1",
            "Labels": labels(self.stack),
            "Command": ["sh", "-c", more.pop("command", SERVE)],
            "Env": [f"VERSION={version}"],
            "StopSignal": "SIGKILL",
            **more.pop("container", {}),
        }
        quick = {"Condition": "any", "Delay": 0}
        spec: Raw = {
            "Name": f"{self.stack}_{name}",
            "Labels": own,
            "TaskTemplate": {
                "ContainerSpec": container,
                "RestartPolicy": more.pop("restart", quick),
                "Networks": [{"Target": f"{self.stack}_default", "Aliases": [name]}],
            },
            "UpdateConfig": {"Parallelism": 1, "Monitor": SECOND, "Order": "start-first"},
            "RollbackConfig": {"Parallelism": 1, "Monitor": SECOND // 2, "Order": "start-first"},
        }
        if ports := more.pop("ports", None):
            published = [{"TargetPort": 80, "PublishedPort": port, "Protocol": "tcp"} for port in ports]
            spec["EndpointSpec"] = {"Ports": published}
        return {**spec, **more}

    def job(self, name: str, needs: str = "", **more: Any) -> Raw:
        """A job that is tried once."""
        spec = self.service(name, needs, restart={"Condition": "none"}, **more)
        del spec["UpdateConfig"], spec["RollbackConfig"]
        return {**spec, "Mode": {"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 1}}}

    def body(self, *services: Raw, configs: dict[str, str] | None = None, **more: Any) -> Raw:
        """What is sent for these services, on a network of their own."""
        files = [
            {
                "Name": f"{self.stack}_{name}",
                "Labels": labels(self.stack),
                "Data": base64.b64encode(text.encode()).decode(),
            }
            for name, text in (configs or {}).items()
        ]
        network = {"Name": f"{self.stack}_default", "Driver": "overlay", "Labels": labels(self.stack)}
        source = {"Text": "services: {}\n", "Origin": "here:/compose.yaml"}
        return {"Services": [*services], "Networks": [network], "Configs": files, "Source": source, **more}

    def ask(self, method: str, path: str = "", body: Raw | None = None, **query: str) -> tuple[int, Any]:
        """Status and JSON of a call about the stack."""
        target = f"/skerry/stacks/{self.stack}{path}" + (f"?{urlencode(query)}" if query else "")
        status, data = self._api.ask(method, target, body)
        return status, json.loads(data) if data.strip() else None

    def deploy(self, body: Raw, **query: str) -> Raw:
        """Deploy it."""
        status, answer = self.ask("POST", "", body, **query)
        assert status == 200, answer
        assert isinstance(answer, dict)
        return answer

    def follow(self, number: int) -> list[Raw]:
        """The lines of a release's progress, to its end."""
        target = f"/skerry/stacks/{self.stack}/progress?release={number}"
        status, data = self._api.ask("GET", target)
        assert status == 200, data
        return [json.loads(line) for line in data.splitlines()]

    def settled(self, body: Raw, **query: str) -> Raw:
        """Deploy it and wait for its end; the last line."""
        answer = self.deploy(body, **query)
        return self.follow(answer["Release"])[-1]

    def state(self) -> Raw:
        """The stack, as it is told."""
        status, answer = self.ask("GET")
        assert status == 200, answer
        assert isinstance(answer, dict)
        return answer

    def content(self) -> Raw:
        """All that makes the stack what it is: what is stored, and what runs."""
        mine = json.dumps({"label": [f"{STACK}={self.stack}"]})
        found: Raw = {}
        for kind in ("services", "networks", "configs", "secrets"):
            _, data = self._api.ask("GET", f"/{kind}?{urlencode({'filters': mine})}")
            found[kind] = {row.get("Name") or row["Spec"]["Name"]: _lasting(row) for row in json.loads(data)}
        found["running"] = sorted(self.running())
        return found

    def running(self) -> Iterator[tuple[str, str, str]]:
        """Service, command and environment of each container that runs."""
        for row in self.containers():
            with suppress(AssertionError):  # it has gone meanwhile
                config = self.world.inspect("container", row["Id"])["Config"]
                name = config["Labels"]["com.docker.swarm.service.name"]
                yield name, str(config["Cmd"] or config["Entrypoint"]), str(sorted(config["Env"]))

    def containers(self) -> list[Raw]:
        """The containers that run, in a line each."""
        rows: list[Raw] = self.world.api().get("/containers/json", label=[f"{STACK}={self.stack}"])
        return rows

    def until(self, state: str) -> None:
        """Wait until the stack is so."""
        wait_until(lambda: self.state()["State"] == state, f"{self.stack} is {state}")

    def started(self) -> dict[str, str]:
        """When the container of each service was started."""
        details = [self.world.inspect("container", row["Id"]) for row in self.containers()]
        names = [row["Config"]["Labels"]["com.docker.swarm.service.name"] for row in details]
        return {name: row["State"]["StartedAt"] for name, row in zip(names, details, strict=True)}


def _lasting(row: Raw) -> Raw:
    """A row without what changes by being written."""
    passing = ("Version", "UpdatedAt", "UpdateStatus", "PreviousSpec", "JobStatus")
    return {key: value for key, value in row.items() if key not in passing}
