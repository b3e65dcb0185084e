"""Everything that there is in a world, in lines that two moments have in common where they are the same.

What has a number, an ID or an address by chance has the name of its role instead. Tasks that have ended are
left out, with their containers: how often a task is tried before an update is taken back is a matter of time.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from harness.world import World
from skerry.model.container_labels import KEEPS
from tests.crash.life import PORT, Client

Row = dict[str, Any]

ENDED = frozenset({"complete", "shutdown", "failed", "rejected", "remove", "orphaned"})
ID = re.compile(r"\b[0-9a-z]{25}\b")
ADDRESS = re.compile(r"\b\d+\.\d+\.\d+\.\d+\b")
CHANCE = re.compile(
    r"(?<=counter) packets \d+ bytes \d+|(?<=nft: )\d+ : |(?<=skerry-keep-)\d+|(?<=veth)[0-9a-f]+"
)
"""What the kernel counts, a place in a map, the number of a process, an engine's name for a device."""
NFT_PARTS = re.compile(r"[{},]|\n")
IDLE_CHAIN = re.compile(
    r"^\s*chain [A-Z]+ \{\s+type \w+ hook \w+ priority [^;]+; policy accept;\s+\}\n", re.MULTILINE
)
"""One of iptables' own without a rule. Its programs make them whenever they look, and they change nothing."""


class Roles:
    """What IDs and addresses stand for."""

    def __init__(self, world: World, api: Client) -> None:
        self.services: dict[str, Row] = {one["ID"]: one for one in api.get("/services")}
        self.tasks: dict[str, Row] = {one["ID"]: one for one in api.get("/tasks")}
        self.networks: dict[str, Row] = {one["Id"]: one for one in api.get("/networks", driver=["overlay"])}
        self.data: dict[str, Row] = {
            one["ID"]: one for kind in ("configs", "secrets", "nodes") for one in api.get(f"/{kind}")
        }
        self._short = {world.name: "NAME"}
        self._short |= {key[:12]: f"net-{one['Name']}" for key, one in self.networks.items()}
        self._names = {key: one["Spec"].get("Name", "node") for key, one in self.data.items()}
        self._names |= {key: one["Spec"]["Name"] for key, one in self.services.items()}
        self._names |= {key: f"net-{one['Name']}" for key, one in self.networks.items()}
        self._names |= {key: self.task(one) for key, one in self.tasks.items()}
        for task in sorted(self.tasks.values(), key=has_ended):  # who has an address now comes first
            for place in task.get("NetworksAttachments") or ():
                for address in place.get("Addresses") or ():
                    # whatever its network: published ports come in by that whose ID is the first one
                    self._names.setdefault(address.partition("/")[0], self.task(task))
        for service in self.services.values():
            for vip in service["Endpoint"].get("VirtualIPs") or ():
                where = self._names.get(vip["NetworkID"], "nowhere")
                address = vip["Addr"].partition("/")[0]
                self._names.setdefault(address, f"VIP-{service['Spec']['Name']}@{where}")

    def task(self, task: Row) -> str:
        """A task by its service and slot."""
        service = self._names.get(task["ServiceID"], "gone")
        return f"{service}.{task.get('Slot', '')}{'-ended' if has_ended(task) else ''}"

    def told(self, line: str) -> str:
        """A line with roles in the place of what is by chance."""
        line = CHANCE.sub("", line)
        line = ID.sub(lambda found: self._names.get(found[0], "an unknown ID"), line)
        line = ADDRESS.sub(lambda found: self._names.get(found[0], found[0]), line)
        for key, name in self._short.items():
            line = line.replace(key, name)
        return line


def has_ended(task: Row) -> bool:
    """Whether it will not run any more."""
    return task["Status"]["State"] in ENDED


def picture(world: World, api: Client, *, asking: bool) -> list[str]:
    """All of it, sorted; what is there twice is there twice. With `asking`, what the port answers."""
    roles = Roles(world, api)
    lines = [*_objects(api, roles), *_in_the_engine(world, roles), *_in_the_kernel(world)]
    lines += _files(world, roles)
    if asking:
        lines.append(f"answer: {_answer(world)}")
    return sorted(roles.told(line) for line in lines)


def differences(wanted: Iterable[str], seen: Iterable[str]) -> list[str]:
    """What is missing and what is too much, in words."""
    one, other = Counter(wanted), Counter(seen)
    return [f"missing: {line}" for line in one - other] + [f"too much: {line}" for line in other - one]


def _objects(api: Client, roles: Roles) -> Iterator[str]:
    for service in roles.services.values():
        yield f"service {_json(service['Spec'])} update: {service.get('UpdateStatus', {}).get('State')}"
    for task in roles.tasks.values():
        if not has_ended(task):
            state = f"{task['DesiredState']} {task['Status']['State']}"
            yield f"task {roles.task(task)} {state} {_json(task['Spec'])}"
    for network in roles.networks.values():
        yield f"network {network['Name']} {_json(network['IPAM'])}"
    for one in roles.data.values():
        yield f"object {_json(one['Spec'])}"


def _in_the_engine(world: World, roles: Roles) -> Iterator[str]:
    engine = Client(str(world.run_dir / "engine.sock"))
    try:
        for one in engine.get("/containers/json?all=1"):
            if KEEPS in one["Labels"]:
                continue  # it never runs: which images need one follows from which tasks were tried
            task = roles.tasks.get(one["Labels"].get("com.docker.swarm.task.id", ""))
            if task is None or not has_ended(task) or one["State"] == "running":
                whose = roles.task(task) if task else "nobody"
                yield f"container of {whose} {one['State']}"
                for name in one["NetworkSettings"]["Networks"]:
                    yield f"container of {whose} in {name}"
        for one in engine.get("/networks"):
            yield f"engine's network {one['Name']} {one['Driver']}"
        for one in engine.get("/volumes")["Volumes"] or ():
            yield f"engine's volume {one['Name']}"
    finally:
        engine.close()


def _in_the_kernel(world: World) -> Iterator[str]:
    for where, namespace in (("machine", world.net.inside), ("gate", f"skerry-gate-{world.name}")):
        for part in parts(_within(world, namespace, "nft", "list", "ruleset")):
            yield f"{where} nft: {part}"
        for words in _rows(world, namespace, "link"):
            yield f"{where} link: {words[0].partition('@')[0]}"
        for words in _rows(world, namespace, "address"):
            yield f"{where} address: {' '.join(words[2:])}"


def parts(ruleset: str) -> Iterator[str]:
    """What there is in a ruleset: its tables, chains and rules, and each element by itself."""
    for part in NFT_PARTS.split(IDLE_CHAIN.sub("", ruleset)):
        if said := part.strip().removeprefix("# progname python").strip():
            yield said


def _rows(world: World, namespace: str, what: str) -> list[list[str]]:
    said = _within(world, namespace, "ip", "-brief", "-4", what)
    return [line.split() for line in said.splitlines()]


def _within(world: World, namespace: str, *words: str) -> str:
    return world.run("nsenter", f"--net=/run/netns/{namespace}", *words)


def _files(world: World, roles: Roles) -> Iterator[str]:
    for path in (world.run_dir / "tasks").rglob("*"):
        yield f"file {path.relative_to(world.run_dir)}"
    for path in (world.run_dir / "resolv").iterdir():
        task = roles.tasks.get(path.name)
        if task is None or not has_ended(task):  # one that has ended keeps it as long as its container
            yield f"file resolv/{path.name}"
    for path in world.run_dir.glob("*"):
        yield f"file {path.name}"


def _answer(world: World) -> str:
    line = ["curl", "--silent", "--max-time", "2", f"http://127.0.0.1:{PORT}/"]
    return world.run(*line, check=False).strip()


def _json(value: Any) -> str:
    return json.dumps(in_order(value), sort_keys=True)


def in_order(value: Any) -> Any:
    """The docker CLI sends the variables of an environment in an order by chance."""
    if isinstance(value, list):
        return [in_order(part) for part in value]
    if isinstance(value, dict):
        return {key: sorted(part or ()) if key == "Env" else in_order(part) for key, part in value.items()}
    return value
