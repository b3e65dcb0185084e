"""A swarm that is asked: a genuine one or skerry, on a host whose nameservers are the test's own."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.patience import PATIENCE
from harness.genuine import genuine
from harness.net import INSIDE, Net
from harness.world import World, wait_until
from tests.names.programs import RESOLVERS, prepare
from tests.names.stacks import Question, Stack
from tests.names.symbols import LIVE, Symbols
from tests.names.upstream import FIRST, upstream
from tests.transcripts.wire import get

ADDRESSES_ONLY = ("glibc", "musl")
"""Resolvers that know no other kinds of records than addresses and names of addresses."""
ASK_S = 150.0
DEPLOY_S = 60.0

Answers = dict[Question, dict[str, str]]
"""The answer of each resolver to each question."""


@dataclass(frozen=True)
class Swarm:
    """The socket of a swarm with the image names:1, and the resolv.conf of its host."""

    socket: Path
    resolv_conf: Path

    def docker(self, *words: str, text: str = "", timeout: float = 60) -> str:
        """The docker CLI there; its standard output. Raises AssertionError where it fails."""
        return self._run(["docker", *words], text, timeout)

    def _run(self, words: Sequence[str], text: str, timeout: float) -> str:
        env = {**os.environ, "DOCKER_HOST": f"unix://{self.socket}", "DOCKER_BUILDKIT": "0"}
        done = subprocess.run(
            words,
            env=env,
            input=text,
            capture_output=True,
            text=True,
            timeout=timeout * PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def deployed(self, stack: Stack) -> Iterator[Symbols]:
        """A stack with all its tasks, taken away afterwards; its symbols."""
        self.resolv_conf.write_text(f"nameserver {FIRST}\n{stack.host}\n")
        try:
            for line in stack.before:
                self._run(["bash", "-c", line], "", DEPLOY_S)
            self.docker("stack", "deploy", "--compose-file", str(stack.path), stack.name, timeout=DEPLOY_S)
            wait_until(self._runs, f"the stack {stack.name} runs", DEPLOY_S)
            for line in stack.after:
                self._run(["bash", "-c", line], "", DEPLOY_S)
            wait_until(self._runs, f"the stack {stack.name} runs", DEPLOY_S)
            yield Symbols(self.socket, stack.name)
        finally:
            self._clear()

    def _runs(self) -> bool:
        """Whether every service has its tasks, and they run; one that was removed may leave some behind."""
        tasks = [task for task in get(self.socket, "/tasks") if task["DesiredState"] in LIVE]
        for service in get(self.socket, "/services"):
            mode = service["Spec"]["Mode"].get("Replicated") or {}
            states = [task["Status"]["State"] for task in tasks if task.get("ServiceID") == service["ID"]]
            if states != ["running"] * mode.get("Replicas", 1):
                return False
        return True

    def _clear(self) -> None:
        """Remove all services, containers and networks."""
        for service in get(self.socket, "/services"):
            self.docker("service", "rm", service["ID"])
        wait_until(self._without_containers, "all containers are gone", 60)
        wait_until(self._without_networks, "all networks are gone", 60)

    def _without_containers(self) -> bool:
        return self._removed("container", get(self.socket, "/containers/json?all=true"))

    def _without_networks(self) -> bool:
        rows = [row for row in get(self.socket, "/networks") if row["Driver"] == "overlay"]
        return self._removed("network", [row for row in rows if not row["Ingress"]])

    def _removed(self, kind: str, rows: list[dict[str, Any]]) -> bool:
        """Remove objects that may still be in use, or be gone; whether there was none."""
        for row in rows:
            try:
                self.docker(kind, "rm", *(["--force"] if kind == "container" else []), row["Id"])
            except AssertionError:
                time.sleep(0.5)
        return not rows

    def ask(self, stack: Stack, symbols: Symbols, resolvers: Sequence[str]) -> Answers:
        """All questions about a stack, each of all the resolvers that know such a question."""
        answers: Answers = {question: {} for question in stack.questions}
        for asker in dict.fromkeys(question.asker for question in stack.questions):
            container = self.container(stack, asker)
            questions = [question for question in stack.questions if question.asker == asker]
            with ThreadPoolExecutor(len(resolvers)) as pool:
                jobs = {
                    resolver: pool.submit(self._ask, container, resolver, questions, symbols)
                    for resolver in resolvers
                }
                for resolver, job in jobs.items():
                    for question, answer in job.result().items():
                        answers[question][resolver] = answer
        return answers

    def _ask(
        self, container: str, resolver: str, questions: Sequence[Question], symbols: Symbols
    ) -> dict[Question, str]:
        known = [question for question in questions if _knows(resolver, question.kind)]
        text = "".join(f"{symbols.fill(question.text)}\n" for question in known)
        output = self.docker("exec", "-i", container, *RESOLVERS[resolver], text=text, timeout=ASK_S)
        return dict(zip(known, map(symbols.marked, output.splitlines()), strict=True))

    def container(self, stack: Stack, asker: str) -> str:
        """The container of the first task of a service, or the plain one of that name."""
        services = {service["Spec"]["Name"]: service["ID"] for service in get(self.socket, "/services")}
        service = services.get(f"{stack.name}_{asker}") or services.get(asker)
        if service is None:
            return asker
        tasks: list[dict[str, Any]] = [
            task
            for task in get(self.socket, "/tasks")
            if task.get("ServiceID") == service and task["Status"]["State"] == "running"
        ]
        first = min(tasks, key=lambda task: task.get("Slot") or 0)
        return str(first["Status"]["ContainerStatus"]["ContainerID"])


def _knows(resolver: str, kind: str) -> bool:
    return resolver not in ADDRESSES_ONLY or kind in ("A", "AAAA", "PTR")


@contextmanager
def _resolv_conf() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="skn", dir="/tmp") as folder:
        path = Path(folder) / "resolv.conf"
        path.write_text(f"nameserver {FIRST}\n")
        yield path


def _ready(swarm: Swarm, *, built: bool) -> Swarm:
    prepare(["env", f"DOCKER_HOST=unix://{swarm.socket}", "DOCKER_BUILDKIT=0", "docker"], built=built)
    swarm.docker("swarm", "init", "--advertise-addr", INSIDE, "--listen-addr", f"{INSIDE}:2377")
    return swarm


@contextmanager
def genuine_names(*, built: bool = True) -> Iterator[Swarm]:
    """A genuine Swarm."""
    with _resolv_conf() as path:
        net = Net(path)
        with genuine(net) as socket, upstream(net):
            yield _ready(Swarm(socket, path), built=built)


@contextmanager
def skerry_names(*, built: bool = True) -> Iterator[Swarm]:
    """skerry. `built`: with the resolvers that a compiler is needed for."""
    with names_world(built=built) as (swarm, _):
        yield swarm


@contextmanager
def names_world(*, built: bool = True) -> Iterator[tuple[Swarm, World]]:
    """The same, and the world that it is in."""
    with _resolv_conf() as path, World(resolv_conf=path) as world, upstream(world.net):
        yield _ready(Swarm(world.socket, path), built=built), world
