"""A world with the stack in it, clients on it, and a port of the machine that somebody else has."""

from __future__ import annotations

import json
import shlex
import socket
import time
from collections.abc import Mapping

import harness.stage
from harness.net import INSIDE
from harness.world import wait_until
from skerry.linux.netns import RUN_NETNS, inside
from skerry.model.objects import Raw
from skerry.model.times import instant
from tests.atomic.breaks import TAKEN
from tests.atomic.compose_file import NAMES, PORTS, STACK, Content, compose, image_of, variables
from tests.cases.faults.clients import Target
from tests.cases.faults.harm import KILLED_S, Harm
from tests.cases.faults.load import Load, Request
from tests.cases.faults.ways import Ways

BASE = "story-app:1.0.0"
ASKED_INSIDE = "auth"
"""The service that is asked by its virtual IP."""
PATIENCE_S = 60.0
"""Clients wait longer than a connection is held while nothing is ready."""
DEPLOYED_S = 240.0


class Stage(harness.stage.Stage):
    """One world, from the first release on."""

    def make(self) -> None:
        """A swarm, the first release, and clients that are all answered."""
        world = self.world
        world.up()
        world.load("box", "story")
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        # Each crash is looked up after its release.
        world.docker("swarm", "update", "--task-history-limit", "100")
        self.folder = world.root / STACK
        self.folder.mkdir()
        self._images: dict[int, str] = {}
        self._tagged: dict[str, int] = {}
        self._harms: list[Harm] = []
        netns = RUN_NETNS / world.net.inside
        self._holder = inside(netns, lambda: socket.create_server(("0.0.0.0", TAKEN)))
        self.contents = {name: Content(0, replicas=2 if name == "api" else 1) for name in NAMES}
        code, said = self.deploy(self.contents, compose(self.contents))
        assert code == 0, said
        asker = ("--detach=false", "--quiet", "--name", "asker", "--network", f"{STACK}_default", "box:1")
        world.docker("service", "create", *asker)
        self._ways = Ways(netns)
        began = time.monotonic()
        self.load = Load(world.net, self._targets(), PATIENCE_S)
        wait_until(lambda: self.load.good_since(began), "all clients are answered", 60)

    def _targets(self) -> list[Target]:
        """From another host to the published ports, and from a container to a virtual IP."""
        (asker,) = self.world.api().containers("asker")
        pid = self.world.inspect("container", asker["Id"])["State"]["Pid"]
        network = self.world.inspect("network", f"{STACK}_default")["Id"]
        addresses = self.world.inspect("service", f"{STACK}_{ASKED_INSIDE}")["Endpoint"]["VirtualIPs"]
        address = next(row["Addr"] for row in addresses if row["NetworkID"] == network).partition("/")[0]
        places = [Target(name, INSIDE, port) for name, port in PORTS.items()]
        return [*places, Target(ASKED_INSIDE, address, 8080, f"/proc/{pid}/ns/net")]

    def deploy(self, contents: Mapping[str, Content], file: Raw, *words: str) -> tuple[int, str]:
        """`skerry deploy` of a file, once the services' tags mean the images of these contents; its exit code
        and what it said."""
        for name, content in contents.items():
            if self._tagged.get(name) != content.number:
                self.world.docker("tag", self._image(content.number), image_of(name))
                self._tagged[name] = content.number
        path = self.folder / "compose.yaml"
        path.write_text(json.dumps(file, indent=2))
        pairs = [f"{name}={shlex.quote(text)}\n" for name, text in variables(contents).items()]
        (self.folder / ".env").write_text("".join(pairs))
        return self.world.attempt("deploy", "--file", str(path), *words, timeout=DEPLOYED_S)

    def _image(self, number: int) -> str:
        """The image that has this number in a file; once its tags have gone on, it has no name."""
        if number not in self._images:
            folder = self.folder / f"image-{number}"
            folder.mkdir()
            (folder / "Dockerfile").write_text(f"FROM {BASE}\nCOPY number /number\n")
            (folder / "number").write_text(f"image {number}\n")
            said = self.world.docker("build", "--quiet", str(folder))
            self._images[number] = said.split()[-1]  # the CLI says more about its builder
        return self._images[number]

    def note_crashes(self, service: str, since: float) -> None:
        """Remember which tasks of a service have ended by themselves: what was in them failed by that."""
        ahead = time.time() - time.monotonic()
        for task in self.world.api().tasks(f"{STACK}_{service}"):
            ended = instant(task["Status"]["Timestamp"]) / 1e9 - ahead
            if task["Status"]["State"] == "failed" and ended >= since:
                places = [
                    address.partition("/")[0]
                    for row in task.get("NetworksAttachments") or ()
                    for address in row["Addresses"]
                ]
                self._harms.append(Harm(frozenset(places), frozenset({service}), since, ended + KILLED_S))

    def explains(self, request: Request) -> bool:
        """Whether a request that failed was in a task that ended by itself: the kernel had led it there."""
        places = self._ways.of(request.client, request.start, request.end)
        return any(harm.explains(request, places, frozenset()) for harm in self._harms)

    def releases(self) -> list[Raw]:
        """The releases of the stack that are kept, oldest first."""
        rows: list[Raw] = self.world.api().get(f"/skerry/stacks/{STACK}/releases")
        return rows

    def close(self) -> None:
        """Everything goes."""
        for name in ("load", "_ways", "_holder"):
            if part := getattr(self, name, None):
                part.stop() if name == "load" else part.close()
        super().close()
