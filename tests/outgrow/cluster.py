"""A real Swarm cluster of three nodes: three dockerd, each in a network namespace on a common bridge.

    with Cluster() as cluster:
        cluster.docker("node1", "service", "ls")
        cluster.curl("node2", "http://127.0.0.1/")

node1 is the manager. The kernel here has no IPVS, so VIPs and ingress ports of this cluster do not answer;
names of dnsrr services, `tasks.NAME` and host-mode ports do.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from demo.ending import undisturbed
from harness.images import unmount_below
from harness.net import run
from harness.processes import kill_all
from harness.world import wait_until

NODES = ("node1", "node2", "node3")
SUBNET = "10.98.0"
START_S = 60

_numbers = itertools.count(1)


class RemoteSwarm:
    """Everything lies below one short directory in /tmp, in memory, and is gone afterwards."""

    def __init__(self) -> None:
        self.tag = f"{os.getpid()}-{next(_numbers)}"
        self.root = Path(tempfile.mkdtemp(prefix="sko", dir="/tmp"))
        self.switch = f"skerry-sw-{self.tag}"
        self.spaces = {node: f"skerry-{node}-{self.tag}" for node in NODES}
        self._processes: list[subprocess.Popen[bytes]] = []
        self.env = {**os.environ, "DOCKER_CONFIG": str(self.root / "c")}
        for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
            self.env.pop(name, None)

    def __enter__(self) -> RemoteSwarm:
        try:
            run("mount", "-t", "tmpfs", "-o", "mode=0755,size=6g", "skerry-cluster", str(self.root))
            (self.root / "c").mkdir()
            self._wire()
            for node in NODES:
                self._start(node)
            for node in NODES:
                self._answers(node)
            self._swarm()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def host(self, node: str) -> str:
        """Where the docker CLI finds a node's engine."""
        return f"unix://{self.root}/{node}.sock"

    def address(self, node: str) -> str:
        """A node's address on the bridge."""
        return f"{SUBNET}.{11 + NODES.index(node)}"

    def docker(self, node: str, *words: str, check: bool = True, timeout: float = 120) -> str:
        """The docker CLI at a node's engine; its output, stripped."""
        return run(
            "docker", "--host", self.host(node), *words, check=check, timeout=timeout, env=self.env
        ).strip()

    def inspect(self, kind: str, name: str, node: str = "node1") -> dict[str, Any]:
        """`docker KIND inspect NAME`."""
        found: list[dict[str, Any]] = json.loads(self.docker(node, kind, "inspect", name))
        return found[0]

    def within(self, node: str, *words: str, check: bool = True, timeout: float = 60) -> str:
        """A command in a node's network namespace."""
        line = ["nsenter", f"--net=/run/netns/{self.spaces[node]}", *words]
        return run(*line, check=check, timeout=timeout, env=self.env)

    def curl(self, node: str, path: str = "", port: int = 80) -> str:
        """What a node's published port answers to a host on the same bridge; empty where it does not."""
        url = f"http://{self.address(node)}:{port}/{path}"
        line = ["nsenter", f"--net=/run/netns/{self.switch}", "curl", "-s", "--max-time", "5", url]
        return run(*line, check=False, timeout=20)

    def tasks(self, service: str) -> list[dict[str, str]]:
        """The tasks of a service that are running and shall be: name, node, image."""
        form = "{{.Name}} {{.Node}} {{.Image}} {{.CurrentState}}"
        lines = self.docker(
            "node1", "service", "ps", "--filter", "desired-state=running", "--format", form, service
        ).splitlines()
        rows = [line.split(" ") for line in lines]
        return [{"name": row[0], "node": row[1], "image": row[2]} for row in rows if row[3] == "Running"]

    def nodes_of(self, service: str) -> set[str]:
        """The nodes that run a service."""
        return {task["node"] for task in self.tasks(service)}

    def state(self, node: str) -> str:
        """`ready` or `down`, as the manager sees it."""
        return self.docker("node1", "node", "inspect", "--format", "{{.Status.State}}", node)

    def cut(self, node: str) -> None:
        """Pull its cable."""
        run("ip", "-n", self.spaces[node], "link", "set", "eth0", "down")

    def mend(self, node: str) -> None:
        """Plug it in again."""
        run("ip", "-n", self.spaces[node], "link", "set", "eth0", "up")

    def container(self, service: str) -> tuple[str, str]:
        """Node and ID of a running container of a service."""
        for node in NODES:
            label = f"label=com.docker.swarm.service.name={service}"
            if found := self.docker(node, "ps", "-q", "--filter", label).split():
                return node, found[0]
        raise AssertionError(f"no container of {service} runs")

    def close(self) -> None:
        """Everything of it goes, whatever state it is in."""
        with undisturbed():
            self._close()

    def _close(self) -> None:
        try:
            for node in NODES:
                with suppress(AssertionError, subprocess.TimeoutExpired):
                    self._swept(node)
            kill_all(self.root, [self.switch, *self.spaces.values()])
            for process in self._processes:
                process.wait(120)
        finally:
            for space in (*self.spaces.values(), self.switch):
                run("ip", "netns", "del", space, check=False)
            unmount_below(self.root)
            run("umount", "-l", str(self.root), check=False)
            shutil.rmtree(self.root, ignore_errors=True)

    def _swept(self, node: str) -> None:
        """Let go of the containers' cgroups: a killed engine would leave them behind."""
        self.docker(node, "swarm", "leave", "--force", check=False, timeout=30)
        if containers := self.docker(node, "ps", "-aq", timeout=20).split():
            self.docker(node, "rm", "-f", *containers, check=False)

    def _wire(self) -> None:
        run("ip", "netns", "add", self.switch)
        within = ["ip", "-n", self.switch]
        run(*within, "link", "set", "lo", "up")
        run(*within, "link", "add", "br0", "type", "bridge")
        run(*within, "addr", "add", f"{SUBNET}.1/24", "dev", "br0")
        run(*within, "link", "set", "br0", "up")
        for node, space in self.spaces.items():
            run("ip", "netns", "add", space)
            run("ip", "-n", space, "link", "set", "lo", "up")
            cable = ["link", "add", "eth0", "type", "veth", "peer", "name", node, "netns", self.switch]
            run("ip", "-n", space, *cable)
            run("ip", "-n", space, "addr", "add", f"{self.address(node)}/24", "dev", "eth0")
            run("ip", "-n", space, "link", "set", "eth0", "up")
            run(*within, "link", "set", node, "master", "br0", "up")
            self.within(node, "sysctl", "-qw", "net.ipv4.ip_forward=1")

    def _start(self, node: str) -> None:
        """A dockerd with a hostname of its own: that is how a swarm calls its nodes."""
        place = self.root / node
        place.mkdir()
        words = ["dockerd", "--host", self.host(node), "--data-root", f"{place}/data"]
        words += ["--exec-root", f"{place}/x", "--pidfile", f"{place}/d.pid"]
        script = f'hostname {node}; exec "$@"'
        line = ["nsenter", f"--net=/run/netns/{self.spaces[node]}", "unshare", "--uts"]
        line += ["sh", "-c", script, "sh", *words]
        with (place / "log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env)
            )

    def _answers(self, node: str) -> None:
        ping = ["curl", "-s", "--unix-socket", f"{self.root}/{node}.sock", "http://d/_ping"]

        def up() -> bool:
            return subprocess.run(ping, capture_output=True, check=False).stdout == b"OK"

        wait_until(up, f"the engine of {node} answers", START_S)

    def _swarm(self) -> None:
        self.docker("node1", "swarm", "init", "--advertise-addr", self.address("node1"))
        token = self.docker("node1", "swarm", "join-token", "-q", "worker")
        for node in NODES[1:]:
            where = [
                "--advertise-addr",
                self.address(node),
                "--token",
                token,
                f"{self.address('node1')}:2377",
            ]
            self.docker(node, "swarm", "join", *where)
        wait_until(lambda: all(self.state(node) == "ready" for node in NODES), "all nodes are ready", 60)
