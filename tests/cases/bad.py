"""`python -m tests.cases.bad`: malformed requests, asked of skerry and of a genuine Swarm beside it.

A request is the same where the status is, and the same in words where the message is too. It crashed where
skerry gave no HTTP or a 500 that Swarm does not give, and hung where skerry took more than a second, twice.
What a genuine Swarm answers by a panic of its own, or not at all, can't be compared and is not counted.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import re
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.genuine import genuine
from harness.images import BOX
from harness.net import run
from harness.world import World
from tests.cases.malformed import MAKES, Request, requests
from tests.transcripts.wire import Unix, api_version

INPUTS = 500
SLOW_S = 1.0
PATIENCE_S = 20.0
NO_HTTP = 0
VOLATILE = re.compile(r"(?<![0-9a-z])(?:[0-9a-z]{25}|[0-9a-f]{64})(?![0-9a-z])")
"""IDs: each engine draws its own."""


@dataclass(frozen=True)
class Response:
    """What came back: a status (0 for no HTTP), the message or the body, and how long it took, in seconds."""

    status: int
    words: str
    seconds: float


@dataclass
class Tally:
    """The sum of a run."""

    inputs: int = 0
    same: int = 0
    words: int = 0
    crashed: int = 0
    hung: int = 0

    def __str__(self) -> str:
        return (
            f"bad: inputs={self.inputs} same={self.same} words={self.words} "
            f"crashed={self.crashed} hung={self.hung}"
        )

    @property
    def passed(self) -> bool:
        """Words may differ, the rest may not."""
        return self.inputs > 0 and self.same == self.inputs and not self.crashed and not self.hung


def ask(socket: Path, request: Request) -> Response:
    """Send it on a connection of its own."""
    connection = Unix(socket, timeout=PATIENCE_S)
    begin = time.monotonic()
    try:
        connection.putrequest(request.method, request.target, skip_accept_encoding=True)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        if request.body is not None:
            connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body)
        answer = connection.getresponse()
        body = answer.read()
        return Response(answer.status, _words(answer.status, body), time.monotonic() - begin)
    except (OSError, http.client.HTTPException) as error:
        return Response(NO_HTTP, repr(error), time.monotonic() - begin)
    finally:
        connection.close()


def _words(status: int, body: bytes) -> str:
    """What a refusal says; of what is granted, only that it was."""
    if status < 400:
        return ""
    try:
        words = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        words = body.decode(errors="replace")
    return VOLATILE.sub("<id>", words).strip()


class Swarm:
    """A genuine Swarm with the service `there`; some requests end it, and then there is another one."""

    def __init__(self) -> None:
        self.socket = Path()
        self._life = contextlib.ExitStack()

    def __enter__(self) -> Swarm:
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._life.close()

    def begin(self) -> None:
        """Have a fresh one."""
        self._life.close()
        self.socket = self._life.enter_context(genuine())
        prepare(self.socket)


def prepare(socket: Path) -> None:
    """A swarm with one service that has no task."""
    docker = ["docker", "-H", f"unix://{socket}"]
    run(*docker, "swarm", "init", "--advertise-addr", "10.99.0.2", "--listen-addr", "10.99.0.2:2377")
    run(*docker, *["service", "create", "--detach", "--quiet", "--name", "there", "--replicas", "0"], BOX)


def compare(ours: Path, swarm: Swarm, asked: Iterable[Request], count: int = sys.maxsize) -> Tally:
    """Ask both the same, `count` times; every difference is printed."""
    tally = Tally()
    for request in asked:
        if tally.inputs == count:
            break
        wanted = ask(swarm.socket, request)
        if wanted.status == NO_HTTP:
            print(f"{request}\n  Swarm  {_shown(wanted)}; not compared", flush=True)
            swarm.begin()
            continue
        response = ask(ours, request)
        tally.inputs += 1
        tally.same += response.status == wanted.status
        tally.words += (response.status, response.words) == (wanted.status, wanted.words)
        crashed = response.status in (NO_HTTP, 500) and response.status != wanted.status
        tally.crashed += crashed
        hung = response.seconds > SLOW_S and ask(ours, request).seconds > SLOW_S
        tally.hung += hung
        if hung or (response.status, response.words) != (wanted.status, wanted.words):
            print(f"{request}\n  Swarm  {_shown(wanted)}\n  skerry {_shown(response)}", flush=True)
        if request.method == "POST" and response.status < 300:
            _tidy(ours)
        if request.method == "POST" and wanted.status < 300:
            _tidy_or_begin(swarm, request)
    return tally


def _tidy_or_begin(swarm: Swarm, request: Request) -> None:
    """Some of what a Swarm accepts makes it stand still afterwards."""
    try:
        _tidy(swarm.socket)
    except (OSError, http.client.HTTPException) as error:
        print(f"{request}\n  Swarm  took it and answers no more: {error!r}", flush=True)
        swarm.begin()


def _shown(response: Response) -> str:
    return f"{response.status} in {response.seconds:.2f} s: {response.words[:300]}"


def _tidy(socket: Path) -> None:
    """Remove what a request made after all, so that the next ones meet the same swarm."""
    for kind in MAKES:
        connection = Unix(socket, timeout=PATIENCE_S)
        connection.request("GET", f"/{kind}")
        listed = json.loads(connection.getresponse().read())
        connection.close()
        for item in listed:
            name = item.get("Name") or item["Spec"]["Name"]
            if name not in ("there", "ingress", "bridge", "host", "none", "docker_gwbridge"):
                ask(socket, Request("DELETE", f"/{kind}/{item.get('ID') or item['Id']}"))


def main() -> int:
    """Run it; 0 where every status is the same, nothing crashed and nothing hung."""
    parser = argparse.ArgumentParser(prog="bad", description=__doc__)
    parser.add_argument("--inputs", type=int, default=INPUTS)
    options = parser.parse_args()
    with Swarm() as swarm, World(images=["box"]) as world:
        prepare(world.socket)
        tally = compare(world.socket, swarm, requests(api_version(swarm.socket)), options.inputs)
    print(tally, flush=True)
    return 0 if tally.passed else 1


if __name__ == "__main__":
    sys.exit(main())
