"""Names as a container hears them from the gate, with a real engine under it."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.net import run
from harness.world import World, wait_until

pytestmark = pytest.mark.timeout(400)

ASKING = str(Path(__file__).with_name("asking.py"))

STACK = """
version: "3.8"
services:
  web:
    image: box:1
    hostname: web
    networks: {front: {aliases: [www]}, back: {}}
    deploy: {replicas: 2}
    stop_grace_period: 0s
  db:
    image: box:1
    networks: {back: {aliases: [data]}}
    deploy: {endpoint_mode: dnsrr, replicas: 2}
    stop_grace_period: 0s
  old:
    image: box:1
    networks: {back: {aliases: [api]}}
    deploy: {replicas: 0}
  new:
    image: box:1
    networks: {back: {aliases: [api]}}
    stop_grace_period: 0s
  other:
    image: box:1
    networks: {back: {aliases: [api]}}
    stop_grace_period: 0s
  asker:
    image: box:1
    hostname: "asker-{{.Task.Slot}}"
    networks: {front: {}, back: {}}
    ports: ["8088:80"]
    stop_grace_period: 0s
networks:
  front: {internal: true}
  back: {}
"""


Answer = tuple[str, bool, list[str]]
"""The code, whether it was cut, and what it says, in order."""


@dataclass(frozen=True)
class Town:
    """The stack, and what stands for its addresses in a table: `web@back`, `web.1@back`."""

    world: World
    pid: int
    """Of the container that asks."""
    leg: str
    places: dict[str, str]
    """Address to place."""
    words: dict[str, str]

    def ask(self, name: str, kind: str = "A", *more: str) -> Answer:
        """The answer, with places for addresses."""
        return self.answers(name, kind, *more)[0]

    def answers(self, name: str, kind: str = "A", *more: str) -> list[Answer]:
        """The same, as often as is asked for."""
        line = [sys.executable, ASKING, self.leg, name.format(**self.words), kind, *more]
        spoken = self.world.run("nsenter", f"--target={self.pid}", "--net", *line)
        answers = map(json.loads, spoken.splitlines())
        return [(code, cut, [self.places.get(one, one) for one in records]) for code, cut, records in answers]


@pytest.fixture(scope="module")
def town(world: World) -> Iterator[Town]:
    """The stack, running."""
    file = world.root / "names.yml"
    file.write_text(STACK)
    world.docker("stack", "deploy", "--compose-file", str(file), "blue")
    wait_until(lambda: len(tasks_of(world)) == 7, "seven tasks run", 120)
    yield town_of(world)
    world.docker("stack", "rm", "blue")


def tasks_of(world: World) -> list[dict[str, Any]]:
    tasks = world.api().get("/tasks", **{"desired-state": ["running"]})
    return [task for task in tasks if task["Status"]["State"] == "running"]


def town_of(world: World) -> Town:
    services = {one["ID"]: one for one in world.api().get("/services")}
    networks = {one["Id"]: one["Name"].removeprefix("blue_") for one in world.api().get("/networks")}
    places: dict[str, str] = {}
    for service in services.values():
        name = service["Spec"]["Name"].removeprefix("blue_")
        for vip in service["Endpoint"].get("VirtualIPs") or ():
            places[vip["Addr"].partition("/")[0]] = f"{name}@{networks[vip['NetworkID']]}"
    words = {}
    for task in tasks_of(world):
        name = services[task["ServiceID"]]["Spec"]["Name"]
        short = f"{name.removeprefix('blue_')}.{task['Slot']}"
        container = task["Status"]["ContainerStatus"]["ContainerID"]
        words[short.replace(".", "_")] = f"{name}.{task['Slot']}.{task['ID']}"
        words[short.replace(".", "_") + "_id"] = container[:12]
        for attachment in task["NetworksAttachments"]:
            network = networks[attachment["Network"]["ID"]]
            address = attachment["Addresses"][0].partition("/")[0]
            places[address] = f"{short}@{network}"
            words[f"{short}_{network}".replace(".", "_")] = ".".join(reversed(address.split(".")))
    asker = words["asker_1"]
    engine = f"unix://{world.run_dir}/engine.sock"
    servers = json.loads(run("docker", "-H", engine, "inspect", "-f", "{{json .HostConfig.Dns}}", asker))
    return Town(world, world.inspect("container", asker)["State"]["Pid"], servers[0], places, words)


WEB, DB = ["web.1@back", "web.2@back"], ["db.1@back", "db.2@back"]


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        pytest.param("web", ["web@back"], marks=pytest.mark.case("N1")),
        pytest.param("WEB.", ["web@back"], marks=pytest.mark.case("N1")),
        pytest.param("blue_web", ["web@back"], marks=pytest.mark.case("N1")),
        pytest.param("tasks.web", WEB, marks=pytest.mark.case("N1")),
        pytest.param("{web_1}", ["web.1@back"], marks=pytest.mark.case("N1")),
        pytest.param("{web_2_id}", ["web.2@back"], marks=pytest.mark.case("N1")),
        pytest.param("api", ["new@back", "other@back"], marks=pytest.mark.case("N4")),
        pytest.param("old", ["old@back"], marks=pytest.mark.case("N4")),
        pytest.param("tasks.api", ["new.1@back", "other.1@back"], marks=pytest.mark.case("N4")),
        pytest.param("data", DB, marks=pytest.mark.case("N5")),
        pytest.param("web.blue_back", ["web@back"], marks=pytest.mark.case("N5")),
        pytest.param("web.back", ["web@back"], marks=pytest.mark.case("N5")),
        pytest.param("web.blue_front", ["web@front"], marks=pytest.mark.case("N5")),
        pytest.param("blue_web.blue_front", ["web@front"], marks=pytest.mark.case("N5")),
        pytest.param("www.blue_front", ["web@front"], marks=pytest.mark.case("N5")),
        pytest.param("www", ["web@front"], marks=pytest.mark.case("N5")),
        pytest.param("tasks.www.Blue_Front", ["web.1@front", "web.2@front"], marks=pytest.mark.case("N5")),
        pytest.param("tasks.data.blue_back", DB, marks=pytest.mark.case("N5")),
        pytest.param("{db_1}.blue_back", ["db.1@back"], marks=pytest.mark.case("N5")),
        pytest.param("{db_1_id}.blue_back", ["db.1@back"], marks=pytest.mark.case("N5")),
        pytest.param("asker-1", ["asker.1@back"], marks=pytest.mark.case("N7")),
        pytest.param("asker-1.blue_front", ["asker.1@front"], marks=pytest.mark.case("N7")),
        pytest.param("asker", ["asker@back"], marks=pytest.mark.case("N7")),
    ],
)
def test_a_name_is_answered(town: Town, name: str, answers: list[str]) -> None:
    code, cut, found = town.ask(name)
    assert (code, cut, sorted(found)) == ("NOERROR", False, answers)


@pytest.mark.case("N5")
@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("nobody.blue_back", "A", "NXDOMAIN"),
        ("db.blue_front", "A", "NXDOMAIN"),
        ("web", "AAAA", "NOERROR"),
        ("web.blue_back", "AAAA", "NOERROR"),
        ("web", "MX", "NOERROR"),
        ("web", "TXT", "NOERROR"),
        ("_http._tcp.nobody.blue_back", "SRV", "NXDOMAIN"),
    ],
)
def test_what_there_is_not(town: Town, name: str, kind: str, code: str) -> None:
    assert town.ask(name, kind) == (code, False, [])


@pytest.mark.case("N6")
@pytest.mark.parametrize(
    ("task", "network"), [("web_1", "back"), ("web_2", "front"), ("db_2", "back"), ("asker_1", "front")]
)
def test_a_task_backwards(town: Town, task: str, network: str) -> None:
    reverse = f"{town.words[f'{task}_{network}']}.in-addr.arpa"
    assert town.ask(reverse, "PTR") == ("NOERROR", False, [f"{town.words[task]}.blue_{network}."])


@pytest.mark.case("N4")
def test_a_name_of_two_is_rotated_and_follows_who_is_ready(town: Town) -> None:
    world = town.world
    assert {places[0] for _, _, places in town.answers("api", "A", "udp", "0", "40")} == {
        "new@back",
        "other@back",
    }
    world.docker("service", "scale", "--detach", "blue_new=0")
    wait_until(lambda: town.ask("api")[2] == ["other@back"], "only the other one is answered", 60)
    world.docker("service", "scale", "--detach", "blue_new=1")
    wait_until(lambda: len(town.ask("api")[2]) == 2, "both are answered", 60)


@pytest.mark.slow
@pytest.mark.case("N8")
def test_forty_tasks(town: Town) -> None:
    """What fits without EDNS, and all by TCP."""
    town.world.docker("service", "scale", "--detach", "blue_db=40")
    wait_until(lambda: len(town.ask("tasks.db", "A", "tcp")[2]) == 40, "forty tasks run", 300)
    code, cut, addresses = town.ask("tasks.db")
    assert (code, cut, len(addresses)) == ("NOERROR", True, 30)
    code, cut, addresses = town.ask("tasks.db", "A", "udp", "1232")
    assert (code, cut, len(addresses)) == ("NOERROR", False, 40)
    town.world.docker("service", "scale", "--detach", "blue_db=2")


@pytest.mark.case("N9")
def test_the_gate_answers_while_the_engine_and_skerryd_are_away(town: Town) -> None:
    world = town.world
    engine = int((world.run_dir / "engine.pid").read_text())
    world.kill_skerryd()
    os.kill(engine, signal.SIGSTOP)
    try:
        for _ in range(5):
            assert town.ask("web") == ("NOERROR", False, ["web@back"])
    finally:
        os.kill(engine, signal.SIGCONT)
        world.up()
