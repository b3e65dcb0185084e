"""The life of a stack, from its networks to its end, one call of the API a step.

Each step says how to see whether it was done: whoever was cut off before the answer can't know, looks, and
asks again. What a step changes in a service it also writes into a label, which tells one spec from the other.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from skerry.cli.client import DockerClient, UnixConnection
from skerry.model.defaults import SECOND

Body = dict[str, Any]

PORT = 8080
SERVE = ["sh", "-c", "trap exit TERM; httpd -p 8080 -h /www; while true; do sleep 0.1; done"]
WAIT = ["sh", "-c", "trap exit TERM; while true; do sleep 0.1; done"]
STEP = "crash.step"
QUICK = {"Delay": 0, "Monitor": SECOND // 5, "Parallelism": 1, "FailureAction": "rollback"}


class Client(DockerClient):
    """The API at a socket. Raises Refused, Unreachable."""

    def __init__(self, socket: str) -> None:
        super().__init__("skerry", lambda: UnixConnection(socket))

    def delete(self, path: str) -> None:
        """DELETE."""
        self._ask("DELETE", path, None, {})


@dataclass(frozen=True)
class Step:
    """`act` makes the call, and returns once it is answered with success; `done` tells whether it was made.

    `answer` is what the published port says once all is well; empty where nobody listens.
    """

    name: str
    act: Callable[[Client], None]
    done: Callable[[Client], bool]
    answer: str


def service(
    step: str,
    name: str,
    command: list[str],
    *networks: str,
    version: int = 1,
    content: str = "",
    replicas: int = 1,
    order: str = "stop-first",
    mode: Body | None = None,
) -> Body:
    """A service's spec; with `content`, the name of a config, it serves that and has a secret."""
    container: Body = {
        "Image": "box:1",
        "Command": command,
        "Env": [f"VERSION={version}"],
        "StopGracePeriod": 10 * SECOND,
    }
    if content:
        container["Configs"] = [{"ConfigName": content, "File": _file("/www/index.html")}]
        container["Secrets"] = [{"SecretName": "key", "File": _file("key")}]
    published = {"Protocol": "tcp", "TargetPort": PORT, "PublishedPort": PORT, "PublishMode": "ingress"}
    return {
        "Name": name,
        "Labels": {STEP: step, "skerry.address.afterlife": "0s"},
        "TaskTemplate": {
            "ContainerSpec": container,
            "Networks": [{"Target": network} for network in networks],
            "RestartPolicy": {"Condition": "any", "Delay": SECOND // 5},
        },
        "Mode": mode or {"Replicated": {"Replicas": replicas}},
        "UpdateConfig": {**QUICK, "Order": order},
        "RollbackConfig": {**QUICK, "FailureAction": "pause", "Order": order},
        "EndpointSpec": {"Mode": "vip", "Ports": [published] if content else []},
    }


def _file(name: str) -> Body:
    return {"Name": name, "UID": "0", "GID": "0", "Mode": 0o444}


def _web(step: str, *networks: str, **more: Any) -> Body:
    more = {"content": "page", "replicas": 2, "order": "start-first", **more}
    return service(step, "web", SERVE, *networks, **more)


def _create(name: str, kind: str, body: Body, answer: str = "") -> Step:
    def act(api: Client) -> None:
        path = f"/{kind}/create"
        api.post(path, _resolved(api, body) if kind == "services" else body)

    return Step(name, act, lambda api: api.find(f"/{kind}/{body['Name']}") is not None, answer)


def _update(body: Body, answer: str) -> Step:
    """Of a service, whose label tells that it was made."""
    name, step = body["Name"], body["Labels"][STEP]

    def act(api: Client) -> None:
        _post_update(api, body)

    return Step(step, act, lambda api: _label(api, name) == step, answer)


def _roll_back(body: Body, answer: str) -> Step:
    """To the spec before, which is `body`."""
    name, step = body["Name"], body["Labels"][STEP]

    def act(api: Client) -> None:
        _post_update(api, body, "&rollback=previous")

    return Step(f"back to {step}", act, lambda api: _label(api, name) == step, answer)


def _fail(body: Body, answer: str) -> Step:
    """An update whose tasks end at once: it is taken back by itself, and its label is gone then."""
    name, step = body["Name"], body["Labels"][STEP]
    body["TaskTemplate"]["ContainerSpec"]["Command"] = ["false"]

    def act(api: Client) -> None:
        _post_update(api, body)

    def done(api: Client) -> bool:
        found = api.get(f"/services/{name}")
        return found["Spec"]["Labels"][STEP] == step or "rollback" in found["UpdateStatus"]["State"]

    return Step(step, act, done, answer)


def _post_update(api: Client, body: Body, query: str = "") -> None:
    found = api.get(f"/services/{body['Name']}")
    path = f"/services/{found['ID']}/update?version={found['Version']['Index']}{query}"
    api.post(path, _resolved(api, body))


def _label(api: Client, name: str) -> str:
    return str(api.get(f"/services/{name}")["Spec"]["Labels"][STEP])


def _remove(kind: str, name: str, answer: str = "") -> Step:
    def act(api: Client) -> None:
        api.delete(f"/{kind}/{name}")

    return Step(f"{kind}: {name} removed", act, lambda api: api.find(f"/{kind}/{name}") is None, answer)


def _resolved(api: Client, body: Body) -> Body:
    """With the IDs of the configs and secrets that it names, which Docker wants beside."""
    container = body["TaskTemplate"]["ContainerSpec"]
    for kind in ("Config", "Secret"):
        for reference in container.get(f"{kind}s", ()):
            found = api.get(f"/{kind.lower()}s/{reference[f'{kind}Name']}")
            reference[f"{kind}ID"] = found["ID"]
    return body


def _serve(step: str, name: str, *networks: str, **more: Any) -> Step:
    """The creation of a service that nobody asks anything."""
    return _create(step, "services", service(step, name, WAIT, *networks, **more), "first")


def _network(name: str, answer: str = "") -> Step:
    body = {"Name": name, "Driver": "overlay", "CheckDuplicate": True, "Attachable": True}
    return _create(f"network {name}", "networks", body, answer)


def _data(kind: str, name: str, text: str, answer: str = "") -> Step:
    body = {"Name": name, "Labels": {}, "Data": base64.b64encode(text.encode()).decode()}
    return _create(f"{kind}: {name}", kind, body, answer)


def _page(text: str, name: str, answer: str = "") -> Step:
    return _data("configs", name, text, answer)


def life() -> list[Step]:
    """All steps, in order."""
    first = _web("web created", "front")
    return [
        _network("front"),
        _data("secrets", "key", "a secret"),
        _page("first", "page"),
        _create("web created", "services", first, "first"),
        _serve("db created", "db", "front"),
        _serve("agent created", "agent", "front", mode={"Global": {}}),
        _update(_web("web updated", "front", version=2), "first"),
        _roll_back(first, "first"),
        _update(_web("web scaled", "front", replicas=3), "first"),
        _page("second", "page2", "first"),
        _update(_web("web has other content", "front", content="page2"), "second"),
        _remove("configs", "page", "second"),
        _network("back", "second"),
        _update(service("db in two networks", "db", WAIT, "front", "back"), "second"),
        _fail(_web("web broken", "front", content="page2", version=3), "second"),
        _update(_web("web scaled to nothing", "front", content="page2", replicas=0), ""),
        _update(_web("web back again", "front", content="page2"), "second"),
        *(_remove("services", name, "second") for name in ("agent", "db")),
        _remove("services", "web"),
        *(_remove("networks", name) for name in ("front", "back")),
        _remove("secrets", "key"),
        _remove("configs", "page2"),
    ]
