"""The stage of the faults: a world with two services under load, and a unit that starts skerryd again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import harness.stage
from demo.settings import CHECKOUT
from harness import faketime
from harness.net import INSIDE, run
from harness.processes import processes_of
from harness.world import wait_until
from tests.cases.faults.clients import Target
from tests.cases.faults.harm import KILLED_S, Harms
from tests.cases.faults.load import Load, Request
from tests.cases.faults.ways import Ways

APP = CHECKOUT / "proof" / "app.py"
IMAGE = "story-app:1.0.0"
REPLICAS = {"web": 2, "one": 1}
PORTS = {"web": 8080, "one": 8081}
HEALTH = "curl -sf http://127.0.0.1:8080/healthcheck || exit 1"
CHECK = "5s"
"""So long it may take: none fails because the machine is busy."""
START_S = 120.0
CONVERGED_S = 120.0
WELL_S = 3.0
"""So long all is answered before a fault counts as overcome."""
UNIT_S = 1.0
"""What systemd waits before it starts a process again."""
STATE_MB, RUN_MB = 1500, 64
HELD_S, PATIENCE_S = 30.0, 45.0
"""How long a connection is held while nothing is ready, and a client waits."""


class Stage(harness.stage.Stage):
    """One world, its services and their load."""

    def __init__(self, held_s: float = HELD_S) -> None:
        super().__init__()
        self.harms = Harms()
        self._held_s = held_s
        self.supervised = True
        """Whether the unit starts skerryd when it has ended."""
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = threading.Event()
        self._unit = threading.Thread(target=self._supervise, name="unit", daemon=True)

    def make(self) -> None:
        """Disks of their own for state and run directory, so that each can be filled; services, and load."""
        world = self.world
        for place, size in ((world.run_dir, RUN_MB), (world.data_dir, STATE_MB)):
            place.mkdir()
            run("mount", "-t", "tmpfs", "-o", f"mode=0755,size={size}m", "skerry-faults", str(place))
        self.engine_program.parent.mkdir()
        self.engine_program.write_text(
            f'#!/bin/sh\nexec {shutil.which("dockerd", path=world.env["PATH"])} "$@"\n'
        )
        self.engine_program.chmod(0o755)
        world.env["PATH"] = f"{self.engine_program.parent}{os.pathsep}{world.env['PATH']}"
        faketime.set_ahead(self.clock, 0)
        self._start()
        self._unit.start()
        wait_until(self._answers, "skerryd answers", START_S)
        world.load("box", "story")
        docker = world.docker
        docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        docker("network", "create", "--driver", "overlay", "n")
        docker("config", "create", "app", str(APP))
        for name, count in REPLICAS.items():
            self.serve(name, count, "--publish", f"{PORTS[name]}:8080")
        docker("service", "create", "--detach", "--name", "asker", "--network", "n", "box:1", timeout=START_S)
        wait_until(lambda: self._whole() and self.tasks("asker"), "the services run", START_S)
        self.ways = Ways(Path("/run/netns") / world.net.inside)
        self._note_gate()
        self.load = Load(world.net, self._targets(), self._held_s + PATIENCE_S - HELD_S)
        began = time.monotonic()
        wait_until(lambda: self.load.good_since(began), "all clients are answered", START_S)

    def serve(self, name: str, count: int, *options: str) -> None:
        """Create a service of the app."""
        self.world.docker(
            *("service", "create", "--detach", "--name", name, "--network", "n", *options),
            *("--config", "source=app,target=/app.py", "--replicas", str(count), "--health-cmd", HEALTH),
            *("--health-interval", "1s", "--health-timeout", CHECK, "--health-retries", "2"),
            *("--restart-delay", "100ms", "--update-order", "start-first", "--update-monitor", "200ms"),
            *(
                "--label",
                f"skerry.hold.timeout={self._held_s:.0f}s",
                "--label",
                "skerry.address.afterlife=5s",
            ),
            *("--env", "ENDING=graceful", "--stop-grace-period", "10s", IMAGE, "python3", "-S", "/app.py"),
            timeout=START_S,
        )

    def restart_engine(self) -> None:
        """End it in an orderly way; skerry starts it again."""
        before = self.pids("dockerd")
        for pid in before:
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: set(self.pids("dockerd")) - set(before), "another dockerd", START_S)

    def renew(self, service: str) -> None:
        """Replace the containers of a service by others."""
        self.world.docker(
            "service", "update", "--force", "--detach=false", "--quiet", service, timeout=START_S
        )

    def _targets(self) -> list[Target]:
        """From another host to the published ports, and from a container to the service's VIP."""
        pid = self.world.inspect(
            "container", self.tasks("asker")[0]["Status"]["ContainerStatus"]["ContainerID"]
        )["State"]["Pid"]
        network = self.world.inspect("network", "n")["Id"]
        vips = self.world.inspect("service", "web")["Endpoint"]["VirtualIPs"]
        vip = next(one["Addr"] for one in vips if one["NetworkID"] == network).partition("/")[0]
        return [
            Target("web", INSIDE, PORTS["web"]),
            Target("one", INSIDE, PORTS["one"]),
            Target("web inside", vip, 8080, f"/proc/{pid}/ns/net"),
        ]

    # What there is.

    def tasks(self, service: str) -> list[dict[str, Any]]:
        """The tasks that run and shall."""
        live: list[dict[str, Any]] = self.world.api().live(service)
        return [task for task in live if task["Status"]["State"] == "running"]

    def container(self, service: str = "web") -> str:
        """The container of a service's first task."""
        return str(self.tasks(service)[0]["Status"]["ContainerStatus"]["ContainerID"])

    def containers(self) -> list[str]:
        """Those of all tasks that are asked."""
        return [
            str(task["Status"]["ContainerStatus"]["ContainerID"])
            for name in REPLICAS
            for task in self.tasks(name)
        ]

    def taking(self, *containers: str, grace_s: float = KILLED_S) -> AbstractContextManager[None]:
        """What is done in this takes the containers of tasks away."""
        seen = [self.world.inspect("container", one) for one in containers]
        places = [place for one in seen for place in one["NetworkSettings"]["Networks"].values()]
        services = frozenset(one["Config"]["Labels"]["com.docker.swarm.service.name"] for one in seen)
        return self.harms.to(frozenset(place["IPAddress"] for place in places), services, grace_s)

    def taking_gate(self) -> AbstractContextManager[None]:
        """What is done in this takes the gate away, with the connections that it holds."""
        self._note_gate()
        return self.harms.to(self.harms.gate)

    def _note_gate(self) -> None:
        said = self.world.run("ip", "-n", self.gate, "-4", "-brief", "address", check=False)
        self.harms.gate |= frozenset(
            word.partition("/")[0] for line in said.splitlines() for word in line.split()[2:] if "/" in word
        )

    def explains(self, request: Request) -> bool:
        """Whether a request that failed was in something that a fault took away: the kernel had led its
        connection there, and it began before the fault was over."""
        places = self.ways.of(request.client, request.start, request.end)
        return self.harms.explain(request, places)

    def engine(self, *words: str, check: bool = True, timeout: float = 60) -> str:
        """The docker CLI at the engine's own socket, behind skerry's back."""
        line = ["env", f"DOCKER_HOST=unix://{self.world.run_dir}/engine.sock", "docker", *words]
        return self.world.run(*line, check=check, timeout=timeout).strip()

    def pids(self, program: str) -> list[int]:
        """Processes of this world by their program: `dockerd`, `containerd-shim`, `skerry.gate`."""
        found = []
        for pid in sorted(processes_of(self.world.root, [])):
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
                name = Path(words[0]).name
                if program in words or name == program or name.startswith(f"{program}-runc"):
                    found.append(pid)
        return found

    def shim(self, container: str) -> int:
        """The shim of a container."""
        for pid in self.pids("containerd-shim"):
            if container.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        raise AssertionError(f"no shim of {container}")

    def process(self, container: str) -> int:
        """The first process of a container. AssertionError where it does not run."""
        pid = int(self.world.inspect("container", container)["State"]["Pid"])
        assert pid, f"container {container} does not run"
        return pid

    @property
    def engine_program(self) -> Path:
        """What this world starts as its engine: it starts the machine's."""
        return self.world.root / "b" / "dockerd"

    @property
    def bridge(self) -> str:
        """The device behind the network."""
        return f"sk-{self.world.inspect('network', 'n')['Id'][:12]}"

    @property
    def gate(self) -> str:
        """The name of the gate's namespace."""
        return f"skerry-gate-{self.world.name}"

    @property
    def table(self) -> str:
        """The name of the kernel table."""
        return f"skerry-{self.world.name}"

    @property
    def database(self) -> Path:
        """The state's file."""
        return self.world.data_dir / "skerry.db"

    @property
    def clock(self) -> Path:
        """Says how far ahead the clock on the wall of skerry's processes is."""
        return self.world.root / "clock"

    @property
    def key(self) -> Path:
        """The key of what is secret in it."""
        return self.world.data_dir / "secret.key"

    # What goes on by itself.

    def _supervise(self) -> None:
        """Start skerryd again when it has ended, as a unit with Restart=always does."""
        while not self._closing.wait(UNIT_S):
            if self.supervised and not self._alive():
                with contextlib.suppress(OSError):
                    self._start()

    def _start(self) -> None:
        self._process = self.world.spawn("-m", "skerry.daemon", **faketime.follows(self.clock))

    def _answers(self) -> bool:
        return "Server" in self.world.run("docker", "version", check=False)

    def _alive(self) -> bool:
        if self._process is not None and self._process.poll() is None:
            return True
        try:
            os.kill(self.world.pid, 0)
        except (OSError, ValueError):
            return bool(self.pids("skerry.daemon"))
        return True

    def _whole(self) -> bool:
        with contextlib.suppress(OSError, AssertionError, ValueError, KeyError):
            return all(len(self.tasks(name)) == count for name, count in REPLICAS.items())
        return False

    def wrong(self) -> str:
        """What is not as it should be at this moment, in words; empty where all is."""
        if not self._alive():
            return "skerryd does not run"
        if not self._whole():
            return "not every task runs"
        if not self.load.good_since(time.monotonic() - WELL_S):
            return "not every client is answered"
        if not Path("/run/netns", self.gate).exists():
            return "the gate's namespace is gone"
        said = self.world.skerry("status", check=False)
        return "\n".join(line for line in said.splitlines() if line.startswith(("warning", "Error")))

    def close(self) -> None:
        """Everything goes."""
        self._closing.set()
        self.supervised = False
        with contextlib.suppress(RuntimeError):
            self._unit.join(30)
        with contextlib.suppress(AttributeError):
            self.load.stop()
        with contextlib.suppress(AttributeError):
            self.ways.close()
        super().close()
        if self._process is not None:
            self._process.wait(60)
        faketime.sweep()
