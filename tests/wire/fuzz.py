"""Bad input: requests made from /openapi.json, odd JSON in good bodies, and raw bytes at the front door.

What counts as a crash: an answer that is no HTTP, a 500 that says `internal error`, or none in time.
"""

from __future__ import annotations

import copy
import http.client
import json
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.transcripts.wire import Unix
from tests.wire.hostile import HEADS, unending

PATIENCE_S = 60
LEFT_OUT = {"/swarm/leave", "/swarm/init", "/skerry/status"}
"""Routes that would end the swarm for all others, or that have nothing to be wrong about."""

SERVICE: dict[str, Any] = {
    "Name": "fuzz",
    "Labels": {"a": "b"},
    "TaskTemplate": {
        "ContainerSpec": {
            "Image": "nothere:1",
            "Env": ["A=b"],
            "Mounts": [{"Type": "volume", "Target": "/x"}],
        },
        "RestartPolicy": {"Condition": "none"},
        "Placement": {"Constraints": ["node.role == worker"]},
        "Resources": {"Limits": {"NanoCPUs": 10**9}},
    },
    "Mode": {"Replicated": {"Replicas": 1}},
    "UpdateConfig": {"Parallelism": 1, "MaxFailureRatio": 0.5},
    "EndpointSpec": {"Mode": "vip", "Ports": [{"TargetPort": 80, "PublishedPort": 8123}]},
}
CONTENT: dict[str, Any] = {"Name": "fuzz", "Labels": {"a": "b"}, "Data": "YQ=="}
SUBNETS: dict[str, Any] = {"Config": [{"Subnet": "10.77.0.0/24"}]}
BODIES: dict[str, dict[str, Any]] = {
    "/services/create": SERVICE,
    "/configs/create": {**CONTENT, "Templating": {"Name": "golang"}},
    "/secrets/create": CONTENT,
    "/networks/create": {"Name": "fuzz", "Driver": "overlay", "IPAM": SUBNETS},
    "/swarm/update?version=1": {
        "Name": "default",
        "CAConfig": {"NodeCertExpiry": 1},
        "Raft": {"ElectionTick": 1},
    },
    "/nodes/x/update?version=1": {"Role": "manager", "Availability": "active", "Labels": {"a": "b"}},
    "/containers/create": {"Image": "nothere:1", "HostConfig": {"NetworkMode": "fuzz"}},
}
ODD = ["{{.Service.Name}}", "{{", "{{template", "a@sha256:b", "::", "\x00", "10.0.0.0/8", "1h"]
"""Texts that mean something somewhere."""


@dataclass
class Fuzz:
    """A run against one socket."""

    socket: Path
    seed: int = 1
    asked: int = 0
    crashes: list[str] = field(default_factory=list)

    def run(self, count: int) -> None:
        """So many requests, of all three kinds."""
        self.described(count // 10)
        self.bodies(count * 3 // 10)
        self.raw(count - self.asked)

    def ask(self, method: str, target: str, body: bytes | None) -> None:
        """One request; a crash is kept."""
        self.asked += 1
        connection = Unix(self.socket, timeout=PATIENCE_S)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.crashes.append(f"{method} {target} {body!r}: {error!r}")
            return
        finally:
            connection.close()
        if answer.status == 500 and b"internal error" in said:
            self.crashes.append(f"{method} {target} {body!r}: {said.decode(errors='replace')}")

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer."""
        connection = Unix(self.socket, timeout=PATIENCE_S)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            said = connection.getresponse().read()
            return json.loads(said) if said.strip() else None
        finally:
            connection.close()

    def tidy(self) -> None:
        """Remove what was made, so that the next requests meet a small swarm."""
        for kind, key in (("services", "ID"), ("configs", "ID"), ("secrets", "ID"), ("networks", "Id")):
            for one in self.json("GET", f"/{kind}"):
                if kind != "networks" or (one["Scope"] == "swarm" and not one["Ingress"]):
                    self.json("DELETE", f"/{kind}/{one[key]}")

    def _each(self, strategy: Any, count: int, check: Callable[[Any], None]) -> None:
        """Call `check` with so many examples, the same ones for the same seed."""

        @seed(self.seed)
        @settings(
            max_examples=count,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def run(example: Any) -> None:
            check(example)

        run()

    # From the description

    def described(self, count: int) -> None:
        """Requests that fit the description, and such as do not."""
        schema = schemathesis.openapi.from_dict(self.json("GET", "/openapi.json"))
        found: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]
        operations = [one for one in found if one.path not in LEFT_OUT]
        each = max(1, count // (2 * len(operations)))
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                try:
                    self._each(operation.as_strategy(generation_mode=mode), each, self._case)
                except Exception as error:
                    if "negative" not in repr(error).lower() and "Unsatisfiable" not in repr(error):
                        raise  # a route without parameters can't be asked wrongly
            self.tidy()

    def _case(self, case: Any) -> None:
        path = quote(str(case.formatted_path), safe="/%:@")
        query = {key: str(value) for key, value in (case.query or {}).items()}
        if path.endswith("/logs"):
            query["follow"] = "0"
        if path == "/events":
            query["until"] = "1"
        target = path + (f"?{urlencode(query, errors='replace')}" if query else "")
        body = None if type(case.body).__name__ == "NotSet" else _encoded(case.body)
        self.ask(str(case.method), target, body)

    # Odd JSON

    def bodies(self, count: int) -> None:
        """Good bodies of which one part is something else."""
        for target, body in BODIES.items():
            places = st.sampled_from(list(_places(body)))

            def check(found: Any, target: str = target, body: dict[str, Any] = body) -> None:
                self._odd(target, body, found)

            self._each(st.tuples(places, _values(), st.booleans()), count // len(BODIES), check)
            self.tidy()

    def _odd(self, target: str, body: dict[str, Any], found: tuple[tuple[Any, ...], Any, bool]) -> None:
        place, value, upper = found
        changed = copy.deepcopy(body)
        owner: Any = changed
        for key in place[:-1]:
            owner = owner[key]
        owner[place[-1]] = value
        data = _encoded(changed)
        self.ask("POST", target, data.upper() if upper else data)

    # Raw bytes

    def raw(self, count: int) -> None:
        """Heads that are torn, huge, smuggled, pipelined or no heads at all."""
        chance = random.Random(self.seed)
        for _ in range(count):
            self.asked += 1
            data = chance.choice(HEADS)(chance)
            try:
                self._send(data, chance)
            except TimeoutError:
                self.crashes.append(f"no answer and no end in {PATIENCE_S} s: {data[:200]!r}")
            except OSError:
                continue  # closed while we wrote: a refusal too

    def _send(self, data: bytes, chance: random.Random) -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE_S)
            client.connect(str(self.socket))
            cut = chance.randrange(len(data) + 1)
            client.sendall(data[:cut])
            client.sendall(data[cut:])
            if chance.random() < (0.98 if unending(data) else 0.3):
                return  # hung up without waiting
            client.shutdown(socket.SHUT_WR)
            said = b""
            while piece := client.recv(65536):
                said += piece
        if said and not said.startswith(b"HTTP/1."):
            self.crashes.append(f"no HTTP: {said[:100]!r} to {data[:200]!r}")


def _values() -> st.SearchStrategy[Any]:
    """Any JSON, small."""
    numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    scalars = st.none() | st.booleans() | numbers | st.text(max_size=20) | st.sampled_from(ODD)
    keys = st.text(max_size=8)
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=6,
    )


def _encoded(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return json.dumps(value, default=str).encode("utf-8", "replace")


def _places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _places(item, (*path, key))
