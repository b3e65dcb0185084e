"""Both sides of a move: a skerry with the stack, and the cluster; and what is checked."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.images import box_tar
from harness.world import World, wait_until
from skerry.cli.outgrow import normal
from tests.outgrow.cluster import NODES, RemoteSwarm

STACK = Path(__file__).parent / "stack"
NAME = "story"
SECRET = (STACK / "password").read_text()


@dataclass
class Checks:
    """What was looked at, and what of it was not so."""

    count: int = 0
    failed: list[str] = field(default_factory=list)

    def __call__(self, what: str, truth: object) -> None:
        """Note it, and say it."""
        self.count += 1
        print(f"{'ok  ' if truth else 'FAIL'} {self.count:2} {what}", flush=True)
        if not truth:
            self.failed.append(what)


@dataclass
class Stage:
    """The two sides."""

    world: World
    cluster: RemoteSwarm
    seconds: dict[str, float] = field(default_factory=dict)

    def skerry(self, *words: str, timeout: float = 300) -> tuple[int, str]:
        """A skerry command: exit code, and what it said."""
        line = 'skerry "$@"; echo "exit $?"'
        said = self.world.run("sh", "-c", line, "sh", *words, *self._where(), check=False, timeout=timeout)
        text, _, code = said.rstrip("\n").rpartition("exit ")
        return int(code), text

    def migrate(self, *words: str, to: str = "node1", timeout: float = 300) -> tuple[int, str]:
        """`skerry migrate` to the manager, with ways to all nodes by contexts."""
        return self.skerry("migrate", "--to", to, *words, timeout=timeout)

    def interrupt(self, line: str) -> str:
        """Start to move, and kill that when it says this; what it had said."""
        words = self.world.net.within(["skerry", "migrate", "--to", "node1", *self._where()])
        env = {**self.world.env, "PYTHONUNBUFFERED": "1"}
        seen = ""
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, text=True, env=env, cwd=self.world.root
        ) as process:
            assert process.stdout is not None
            for text in process.stdout:
                seen += text
                if line in text:
                    process.send_signal(signal.SIGKILL)
                    break
        return seen

    def deploy(self, file: Path | None = None) -> None:
        """Deploy the stack on skerry, and wait until it runs."""
        self.world.docker("stack", "deploy", "--compose-file", str(file or self.file), NAME)
        for service, count in (("story_app", 3), ("story_web", 1), ("story_idle", 1)):
            self.comes_to(service, count)

    def comes_to(self, service: str, count: int) -> None:
        """Wait until so many tasks of a service run on skerry."""
        wait_until(lambda: self.running(service) == count, f"{service} runs", 60)

    @property
    def file(self) -> Path:
        """The stack's compose file, in a copy of its folder."""
        place = self.world.root / "stack"
        if not place.exists():
            shutil.copytree(STACK, place)
        return place / "docker-compose.yml"

    def running(self, service: str) -> int:
        """How many tasks of a service run on skerry."""
        tasks = self.world.api().live(service)
        return sum(task["Status"]["State"] == "running" for task in tasks)

    def specs(self) -> dict[str, Any]:
        """Every service's spec on skerry in its normal form, with names for networks."""
        networks = {one["Id"]: one["Name"] for one in self.world.api().get("/networks")}
        found = {}
        for service in self.world.api().get("/services"):
            text = json.dumps(service["Spec"])
            for key, name in networks.items():
                text = text.replace(key, name)
            found[service["Spec"]["Name"]] = normal.service(json.loads(text))
        return found

    def here(self) -> str:
        """Everything on skerry that a move could touch, to be compared. Tasks that have ended are history,
        which is trimmed in its own time."""
        services = [(one["ID"], one["Version"]["Index"]) for one in self.world.api().get("/services")]
        tasks = self.world.api().get("/tasks")
        running = [task["ID"] for task in tasks if task["Status"]["State"] == "running"]
        return json.dumps([sorted(services), sorted(running)])

    def version_here(self) -> str:
        """What the stack on skerry answers."""
        said = self.world.run("curl", "-s", "--max-time", "10", "http://127.0.0.1/", check=False)
        return _version(said)

    def version_at(self, node: str) -> str:
        """What the stack answers at a node's published port; empty where it does not."""
        return _version(self.cluster.curl(node))

    def answers(self, node: str, version: str, timeout: float = 30) -> bool:
        """Whether the published port of a node comes to answer with this version."""
        return soon(lambda: self.version_at(node) == version, timeout)

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Keep how long it takes."""
        start = time.monotonic()
        yield
        self.seconds[what] = time.monotonic() - start

    def _where(self) -> list[str]:
        world = self.world
        where = ["--run-dir", str(world.run_dir), "--data-dir", str(world.data_dir), "--name", world.name]
        return [*where, "--engine", "private", "--socket", str(world.socket)]


def soon(condition: Callable[[], object], timeout: float = 60) -> bool:
    """Whether it becomes so."""
    try:
        wait_until(condition, "", timeout)
    except AssertionError:
        return False
    return True


def _version(said: str) -> str:
    found = re.search(r"^Version: (\S+)$", said, re.MULTILINE)
    return found.group(1) if found else ""


@contextmanager
def stage(*, images: tuple[str, ...] = ("box", "story")) -> Iterator[Stage]:
    """A skerry in swarm mode with these images, the cluster, and a docker context for each node."""
    with ExitStack() as stack:
        world = stack.enter_context(World(images=images))
        cluster = stack.enter_context(RemoteSwarm())
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        for node in NODES:
            world.docker("context", "create", node, "--docker", f"host={cluster.host(node)}")
        yield Stage(world, cluster)


def load_box(cluster: RemoteSwarm) -> None:
    """Bring box:1 to every node."""
    for node in NODES:
        cluster.docker(node, "import", "--change", 'CMD ["sleep", "1000000"]', str(box_tar()), "box:1")
