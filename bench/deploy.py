"""What `skerry deploy` adds to the engine's own time: `python -m bench.deploy [--rounds N] [--services N]`.

A compose file of services of one small task each is deployed where nothing of it is: from the start of the
command until every task runs. The floor beside it, in turn, is a bare engine that makes and starts the same
containers, with the settings that skerry's engine shows of them, as many at a time as it takes best. Then the
same file is deployed again, which changes nothing: the whole command.

`--profile` has skerryd write down where its time goes in one deployment, which makes everything slower.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.daemons import profiled, world_of
from bench.peer.boxes import BOX
from bench.peer.floor import FIFTY, PREFIX, Floor, Kind
from bench.peer.systems import Engine
from bench.peer.wire import Wire, timed
from demo.ending import end_in_order
from harness.world import World, wait_until

STACK, IMAGE = "many", "box:1"
LABEL = f"com.docker.stack.namespace={STACK}"
AT_ONCE = (4, 8, 16, 100)
"""As many containers are made at a time for the floor; the best is it. skerry asks for all at once."""
AGAIN = 5
OWN = frozenset({"Hostname", "Domainname"})
"""What the engine fills in by itself."""


@dataclass(frozen=True)
class Deployed:
    """Seconds from the start of the command until the release was written, and until all tasks ran."""

    written: float
    running: float


class Stack:
    """The compose file, and a swarm to deploy it to."""

    def __init__(self, world: World, count: int) -> None:
        self._world, self._count = world, count
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        names = [f"s{number:03}" for number in range(count)]
        self._file = world.root / "compose.yaml"
        self._file.write_text(
            json.dumps({"services": {name: {"image": IMAGE, "command": BOX} for name in names}})
        )
        self.engine = Wire(world.run_dir / "engine.sock")

    def _command(self, *words: str) -> list[str]:
        deploy = self._world.command("deploy", STACK, "--file", str(self._file), *words)
        return self._world.net.within(deploy)

    def deploy(self) -> Deployed:
        """The first time: nothing of it is there."""
        written = running = 0.0
        ready: set[str] = set()
        start = time.monotonic()
        command = subprocess.Popen(
            self._command("--json"), env=self._world.env, stdout=subprocess.PIPE, text=True
        )
        assert command.stdout is not None
        with command.stdout as lines:
            for line in map(json.loads, lines):
                written = written or time.monotonic() - start
                if line.get("Ready") and line["Ready"] == line["Wanted"]:
                    ready.add(line["Service"])
                if len(ready) == self._count and not running:
                    running = time.monotonic() - start
        if command.wait() or not running:
            raise RuntimeError(f"skerry deploy exited {command.returncode}, {len(ready)} services ran")
        return Deployed(written, running)

    def again(self) -> float:
        """The same file once more: seconds, the whole command."""
        return timed(self._deploy_again, AGAIN)

    def _deploy_again(self) -> None:
        subprocess.run(self._command(), env=self._world.env, check=True, stdout=subprocess.DEVNULL)

    def remove(self) -> None:
        """Nothing of it is left, in the engine too."""
        network = f"skerry.{self._world.inspect('network', f'{STACK}_default')['Id']}"
        self._world.skerry("rm", STACK)
        self.engine.gone(LABEL)
        wait_until(lambda: network not in self._networks(), "the stack's network is gone", 60)

    def _networks(self) -> set[str]:
        return {row["Name"] for row in self.engine.call("GET", "/networks")}


@dataclass
class Copies:
    """The containers of the stack, and the network they are on, as skerry's engine shows them."""

    network: Any
    bodies: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, stack: Stack, folder: Path) -> Copies:
        """Those that run now. Files that are bound in them are copied, as they go with the stack."""
        filters = quote(json.dumps({"label": [LABEL]}))
        rows = stack.engine.call("GET", f"/containers/json?filters={filters}")
        shown = [stack.engine.call("GET", f"/containers/{row['Id']}/json") for row in rows]
        (name,) = {name for row in shown for name in row["NetworkSettings"]["Networks"]}
        network = stack.engine.call("GET", f"/networks/{name}")
        return cls(network, {row["Name"].strip("/"): body_of(row, folder) for row in shown})


def body_of(shown: Any, folder: Path) -> Any:
    """What makes such a container again, on the network of the floor."""
    config = {key: value for key, value in shown["Config"].items() if key not in OWN}
    (place,) = shown["NetworkSettings"]["Networks"].values()
    host = {**shown["HostConfig"], "NetworkMode": PREFIX}
    host["Mounts"] = [
        {**mount, "Source": _copied(mount["Source"], folder)} for mount in host.get("Mounts") or ()
    ]
    parts = [bind.partition(":") for bind in host.get("Binds") or ()]
    host["Binds"] = [f"{_copied(source, folder)}:{rest}" for source, _, rest in parts]
    endpoint = {"IPAMConfig": place["IPAMConfig"]}
    # by its tag: each engine gave an ID of its own to what it imported
    config["Image"] = IMAGE
    return {**config, "HostConfig": host, "NetworkingConfig": {"EndpointsConfig": {PREFIX: endpoint}}}


def _copied(source: str, folder: Path) -> str:
    """A copy of a file that lasts."""
    copy = folder / source.strip("/").replace("/", "-")
    copy.write_bytes(Path(source).read_bytes())
    return str(copy)


class Copied(Floor):
    """The floor: these containers at a bare engine."""

    def __init__(self, engine: Engine, copies: Copies) -> None:
        super().__init__(engine, PREFIX)
        self._copies = copies
        self._wire = Wire(engine.engine_socket)
        kept = {key: copies.network[key] for key in ("Driver", "Options", "Internal", "IPAM", "EnableIPv6")}
        self._network_body = {"Name": PREFIX, **kept}

    def body(self, name: str, kind: Kind = FIFTY) -> Any:
        return self._copies.bodies[name]

    def took(self, parallel: int) -> float:
        """Seconds until all of them run, so many at a time, with their network."""
        names = list(self._copies.bodies)
        start = time.monotonic()
        self._wire.call("POST", "/networks/create", self._network_body)
        try:
            self.at_once(self.launch, names, parallel)
            return time.monotonic() - start
        finally:
            self.at_once(self.remove, names, 8)
            self._remove_network()

    def _remove_network(self) -> None:
        """An engine that has made and removed a thousand containers may have kept an endpoint of one."""
        place = f"/networks/{PREFIX}"
        for left in self._wire.call("GET", place)["Containers"].values():
            self._wire.call("POST", f"{place}/disconnect", {"Container": left["Name"], "Force": True})
        self._wire.call("DELETE", place)


def measure(rounds: int, services: int) -> None:
    """Play and print; the last line has the medians."""
    shares, again = [], []
    with bare() as engine, World(images=["box"]) as world:
        stack = Stack(world, services)
        stack.deploy()
        copied = Copied(engine, Copies.of(stack, world.root))
        stack.again()
        stack.remove()
        tried = {parallel: copied.took(min(parallel, services)) for parallel in AT_ONCE}
        best = min(tried, key=lambda parallel: tried[parallel])
        said = ", ".join(f"{parallel} at a time {took:.2f} s" for parallel, took in tried.items())
        print(f"the floor: {said}", flush=True)
        for number in range(1, rounds + 1):
            floor = copied.took(best)
            deployed = stack.deploy()
            again.append(stack.again())
            stack.remove()
            shares.append(100 * (deployed.running / floor - 1))
            words = f"floor {floor:.2f} s, deployed {deployed.running:.2f} s (+{shares[-1]:.1f} %)"
            words += f", written after {deployed.written:.2f} s; again {again[-1]:.3f} s"
            print(f"round {number}: {words}", flush=True)
    share, took = statistics.median(shares), statistics.median(again)
    print(f"bench-deploy: services={services} share_pct={share:.1f} again_s={took:.3f}")


@contextmanager
def bare() -> Iterator[Engine]:
    """A bare engine."""
    engine = Engine()
    try:
        engine.start()
        yield engine
    finally:
        engine.close()


def profile(services: int) -> None:
    """Where skerryd's time goes in one deployment, by function."""
    with profiled() as (source, end), world_of(source) as world:
        print(Stack(world, services).deploy())
        end(world)


def main() -> None:
    """Measure and print."""
    end_in_order()
    parser = argparse.ArgumentParser(prog="bench.deploy", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--services", type=int, default=100)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    if options.profile:
        profile(options.services)
    else:
        measure(options.rounds, options.services)


if __name__ == "__main__":
    main()
