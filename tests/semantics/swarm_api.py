"""A swarm's API as a test of semantics uses it, whether skerry answers or a genuine Swarm."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from pathlib import Path
from typing import Any

from harness.world import wait_until

WITHIN_S = 120.0


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=WITHIN_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(WITHIN_S)
        self.sock.connect(str(self._path))


class SwarmApi:
    """Requests to the socket of an engine in swarm mode."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, method: str, target: str, body: Any = None) -> tuple[int, bytes]:
        """One request; status and body of the answer."""
        connection = _Connection(self._path)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, target, data, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def get(self, target: str) -> Any:
        """The JSON of a GET that succeeds."""
        status, body = self.ask("GET", target)
        assert status == 200, body
        return json.loads(body)

    @property
    def hostname(self) -> str:
        """The node's."""
        return str(self.get("/info")["Name"])

    def create(self, name: str, **parts: Any) -> str:
        """Create a service of one replica; its ID."""
        status, body = self.ask("POST", "/services/create", spec(name, **parts))
        assert status == 201, body
        return str(json.loads(body)["ID"])

    def refusal(self, name: str, **parts: Any) -> str:
        """Why a service can't be created."""
        status, body = self.ask("POST", "/services/create", spec(name, **parts))
        assert status >= 400, body
        return f"{status} {json.loads(body)['message']}"

    def files(self, text: str, prefix: str = "") -> dict[str, Any]:
        """A templated config `c` of this text, another one `plain` and a secret `s`: parts of a container."""
        templating = {"Templating": {"Name": "golang"}}
        templated = self._file("configs", f"{prefix}c", text, templating)
        plain = self._file("configs", f"{prefix}plain", "plain <text>", {})
        hidden = self._file("secrets", f"{prefix}s", "hidden", {})
        return {
            "Configs": [
                {"ConfigID": templated, "ConfigName": f"{prefix}c", "File": target("c")},
                {"ConfigID": plain, "ConfigName": f"{prefix}plain", "File": target("plain")},
            ],
            "Secrets": [{"SecretID": hidden, "SecretName": f"{prefix}s", "File": target("s")}],
        }

    def _file(self, kind: str, name: str, text: str, more: dict[str, Any]) -> str:
        data = base64.b64encode(text.encode()).decode()
        status, body = self.ask("POST", f"/{kind}/create", {"Name": name, "Data": data, **more})
        assert status == 201, body
        return str(json.loads(body)["ID"])

    def task(self, service: str, state: str = "running", *, error: bool = False) -> dict[str, Any]:
        """The first task of a service in this state, or with an error."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            for task in self.get(f'/tasks?filters={{"service":["{service}"]}}'):
                status = task["Status"]
                if status.get("Err") if error else status["State"] == state:
                    found.append(task)
                    return True
            return False

        wait_until(there, f"{service} has a task that is {'at fault' if error else state}", WITHIN_S)
        return found[0]

    def container(self, task: dict[str, Any]) -> Any:
        """The container of a task."""
        return self.get(f"/containers/{task['Status']['ContainerStatus']['ContainerID']}/json")

    def logs(self, task: dict[str, Any]) -> str:
        """What the container of a task wrote on its standard output."""
        key = task["Status"]["ContainerStatus"]["ContainerID"]
        status, body = self.ask("GET", f"/containers/{key}/logs?stdout=1")
        assert status == 200, body
        text = b""
        while body:
            length = int.from_bytes(body[4:8], "big")
            text, body = text + body[8 : 8 + length], body[8 + length :]
        return text.decode()

    def remove(self, service: str) -> None:
        """Remove a service."""
        status, body = self.ask("DELETE", f"/services/{service}")
        assert status == 200, body


def spec(name: str, container: Any = None, task: Any = None, **more: Any) -> dict[str, Any]:
    """A service of one replica that sleeps."""
    image = {"Image": "box:1", "Args": ["sleep", "100000"], "StopGracePeriod": 1_000_000_000}
    return {
        "Name": name,
        "TaskTemplate": {"ContainerSpec": {**image, **(container or {})}, **(task or {})},
        "Mode": {"Replicated": {"Replicas": 1}},
        **more,
    }


def target(name: str) -> dict[str, Any]:
    """Where a config or secret appears."""
    return {"Name": name, "UID": "0", "GID": "0", "Mode": 0o444}
