"""What a user of the docker CLI sees of the rarer parts of the semantics, on a real engine."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from harness.net import OUTSIDE
from harness.world import World, wait_until
from tests.transcripts.wire import api_version

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

FOREVER = ("sh", "-c", "trap exit TERM; while true; do sleep 0.1; done")
"""Unlike `sleep`, it ends on SIGTERM, though it is the first process."""


def tasks(world: World, service: str) -> list[dict[str, Any]]:
    """A service's tasks, the newest of each slot first."""
    found = world.api().tasks(service)
    return sorted(found, key=lambda task: (task.get("Slot", 0), -_age(task)))


def _age(task: dict[str, Any]) -> int:
    return int(re.sub(r"\D", "", task["CreatedAt"])[:20].ljust(20, "0"))


def states(world: World, service: str) -> list[tuple[int, str, str]]:
    """Slot, desired state and state of its tasks."""
    return [
        (task.get("Slot", 0), task["DesiredState"], task["Status"]["State"]) for task in tasks(world, service)
    ]


def create(world: World, name: str, *words: str, command: tuple[str, ...] = FOREVER) -> None:
    world.docker("service", "create", "--detach", "--name", name, *words, "box:1", *command)


def node(world: World, availability: str) -> None:
    world.docker("node", "update", "--availability", availability, world.docker("node", "ls", "-q"))


def test_a_job_runs_to_completion_and_again_when_it_is_updated(world: World) -> None:
    said = world.docker(
        "service", "create", "--name", "job", "--mode", "replicated-job", "--replicas", "3",
        "--max-concurrent", "2", "box:1", "sh", "-c", "exit 0",
    )  # fmt: skip
    assert said.endswith("job complete")
    assert states(world, "job") == [(slot, "complete", "complete") for slot in (0, 1, 2)]
    assert "0/2 (3/3 completed)" in world.docker("service", "ls", "--filter", "name=job")
    world.docker("service", "update", "--force", "job")
    assert states(world, "job") == [(slot, "complete", "complete") for slot in (0, 0, 1, 1, 2, 2)]
    assert [task["JobIteration"] for task in tasks(world, "job")] == [{"Index": 1}, {}] * 3
    assert world.inspect("service", "job")["JobStatus"]["JobIteration"] == {"Index": 1}
    world.docker("service", "rm", "job")
    wait_until(lambda: not world.docker("ps", "-aq", "--filter", "name=job"), "its containers are gone")


def test_a_drained_node_gives_its_tasks_back(world: World) -> None:
    create(world, "web", "--replicas", "2")
    create(world, "agent", "--mode", "global")
    wait_until(lambda: [state for *_, state in states(world, "web")] == ["running"] * 2, "web runs")
    wait_until(lambda: [state for *_, state in states(world, "agent")] == ["running"], "agent runs")
    node(world, "drain")
    wait_until(
        lambda: (
            states(world, "web")
            == [
                (slot, *pair)
                for slot in (1, 2)
                for pair in (("running", "pending"), ("shutdown", "shutdown"))
            ]
        ),
        "web waits for a node",
    )
    wait_until(lambda: states(world, "agent") == [(0, "shutdown", "shutdown")], "agent has left")
    listed = world.docker("service", "ps", "--no-trunc", "web")
    assert '"no suitable node (1 node not available for new tasks)"' in listed
    node(world, "active")
    wait_until(
        lambda: [pair[1:] for pair in states(world, "web")][::2] == [("running", "running")] * 2,
        "web is back",
    )
    wait_until(
        lambda: ("running", "running") in [pair[1:] for pair in states(world, "agent")], "agent is back"
    )
    world.docker("service", "rm", "web", "agent")


def test_labels_of_the_node_move_tasks(world: World) -> None:
    name = world.docker("node", "ls", "-q")
    world.docker("node", "update", "--label-add", "disk=ssd", name)
    create(world, "db", "--constraint", "node.labels.disk==ssd")
    wait_until(lambda: states(world, "db") == [(1, "running", "running")], "db runs")
    world.docker("node", "update", "--label-add", "disk=hdd", name)
    wait_until(lambda: "rejected" in str(states(world, "db")), "db has left")
    errors = {task["Status"].get("Err") for task in tasks(world, "db")}
    assert errors == {
        "assigned node no longer meets constraints",
        "no suitable node (scheduling constraints not satisfied on 1 node)",
    }
    world.docker("service", "rm", "db")


def test_a_second_rollback_goes_further_back(world: World) -> None:
    create(world, "app", "--env", "V=1", "--update-monitor", "100ms", "--rollback-monitor", "100ms")
    for version in ("2", "3"):
        world.docker("service", "update", "--detach", "--env-add", f"V={version}", "app")
        wait_until(lambda: world.api().update_state("app") == "completed", "updated")
    for version in ("2", "1"):
        world.docker("service", "rollback", "--detach", "app")
        wait_until(lambda: world.api().update_state("app") == "rollback_completed", "rolled back")
        spec = world.inspect("service", "app")["Spec"]["TaskTemplate"]["ContainerSpec"]
        assert spec["Env"] == [f"V={version}"]
    refused = world.docker("service", "rollback", "--detach", "app", check=False)
    assert "does not have a previous spec" in refused
    world.docker("service", "rm", "app")


def test_an_update_that_gets_nowhere_is_over_after_its_deadline(world: World) -> None:
    create(world, "slow", "--label", "skerry.update.deadline=1s")
    wait_until(lambda: states(world, "slow") == [(1, "running", "running")], "slow runs")
    never = ("--health-cmd", "false", "--health-interval", "1h", "--update-order", "start-first")
    said = world.docker("service", "update", *never, "slow", check=False)
    assert "was not ready within 1 s" in said
    assert world.api().update_state("slow") == "paused"
    assert ("running", "running") in [pair[1:] for pair in states(world, "slow")]
    refused = world.docker(
        "service", "update", "--label-add", "skerry.update.deadline=soon", "slow", check=False
    )
    assert "label skerry.update.deadline: invalid duration 'soon'" in refused
    world.docker("service", "rm", "slow")


def test_limits_reach_the_container_and_reservations_only_count(world: World) -> None:
    wide = ("--limit-memory", "64M", "--limit-cpu", "0.5", "--limit-pids", "50", "--reserve-memory", "32M")
    create(world, "small", *wide)
    create(world, "huge", "--reserve-memory", "900000G")
    wait_until(lambda: states(world, "small") == [(1, "running", "running")], "small runs")
    container = world.docker("ps", "-q", "--filter", "name=small")
    limits = world.inspect("container", container)["HostConfig"]
    assert (limits["Memory"], limits["NanoCpus"], limits["PidsLimit"]) == (64 << 20, 500_000_000, 50)
    assert limits["MemoryReservation"] == 0
    (task,) = tasks(world, "huge")
    assert task["Status"]["Err"] == "no suitable node (insufficient resources on 1 node)"
    world.docker("service", "rm", "small", "huge")


def test_what_happens_to_a_container_from_outside(world: World) -> None:
    """It ends its task and is replaced; a pause changes nothing. An anonymous volume goes with its task."""
    wide = ("--replicas", "2", "--restart-delay", "0s", "--mount", "type=volume,target=/data")
    create(world, "out", *wide)
    wait_until(lambda: [state for *_, state in states(world, "out")] == ["running"] * 2, "out runs")
    first, second = (task["Status"]["ContainerStatus"]["ContainerID"] for task in tasks(world, "out"))
    world.docker("pause", second)
    world.docker("stop", first)  # on SIGTERM it exits with 0
    wait_until(
        lambda: states(world, "out")[:2] == [(1, "running", "running"), (1, "shutdown", "complete")],
        "slot 1 has another task",
    )
    assert states(world, "out")[2:] == [(2, "running", "running")]
    world.docker("unpause", second)
    world.docker("service", "rm", "out")
    wait_until(lambda: not world.docker("ps", "-aq", "--filter", "name=out"), "its containers are gone")
    assert world.docker("volume", "ls", "-q") == ""


def test_the_exit_code_tells_how_an_update_ended(world: World) -> None:
    create(world, "up", "--restart-delay", "0s", "--rollback-monitor", "100ms")
    wait_until(lambda: states(world, "up") == [(1, "running", "running")], "up runs")
    bad = ("--args", "sh -c 'exit 3'", "--update-monitor", "2s")
    world.docker("service", "update", *bad, "--update-failure-action", "rollback", "up")  # exits 0
    update = world.inspect("service", "up")
    assert (update["UpdateStatus"]["State"], update.get("PreviousSpec")) == ("rollback_completed", None)
    assert update["Spec"]["TaskTemplate"]["ContainerSpec"]["Args"] == list(FOREVER)
    with pytest.raises(
        AssertionError, match=r"exited 1:\s(.|\n)*update paused due to failure or early termin"
    ):
        world.docker("service", "update", *bad, "--update-failure-action", "pause", "up")
    assert "exit (3)" in world.docker("service", "ps", "--no-trunc", "up")
    world.docker("service", "rm", "up")


def test_an_unchanged_stack_is_left_alone_and_a_removed_one_can_come_back_at_once(world: World) -> None:
    file = world.root / "stack.yml"
    app = {"image": "box:1", "command": list(FOREVER), "networks": ["front"], "secrets": ["word"]}
    stack = {
        "version": "3.8",
        "services": {"app": app},
        "networks": {"front": {}},
        "secrets": {"word": {"file": str(file)}},
    }
    file.write_text(json.dumps(stack))
    deploy = ("stack", "deploy", "--detach=true", "--compose-file", str(file), "st")
    world.docker(*deploy)
    wait_until(lambda: states(world, "st_app") == [(1, "running", "running")], "the stack runs")
    before = tasks(world, "st_app")
    world.docker(*deploy)
    assert "UpdateStatus" not in world.inspect("service", "st_app")
    assert [task["ID"] for task in tasks(world, "st_app")] == [task["ID"] for task in before]
    assert "Failed" not in world.docker("stack", "rm", "--detach=true", "st")
    world.docker(*deploy)
    wait_until(lambda: states(world, "st_app") == [(1, "running", "running")], "the stack is back")
    assert tasks(world, "st_app")[0]["ID"] != before[0]["ID"]
    world.docker("stack", "rm", "st")


def test_how_a_container_finds_itself_and_the_world(world: World) -> None:
    world.docker("network", "create", "--driver", "overlay", "front")
    create(world, "in", "--network", "name=front,alias=other")
    wait_until(lambda: states(world, "in") == [(1, "running", "running")], "in runs")
    container = world.docker("ps", "-q", "--filter", "name=in")
    seen = world.inspect("container", container)
    name = f"in.1.{tasks(world, 'in')[0]['ID']}"
    place = seen["NetworkSettings"]["Networks"]["front"]
    address = place["IPAddress"]
    assert (seen["Name"], seen["Config"]["Hostname"]) == (f"/{name}", container)
    assert list(seen["NetworkSettings"]["Networks"]) == ["front"]
    newer = api_version(world.socket) >= "1.45"  # names are no aliases any more
    assert (place["Aliases"], place["IPAMConfig"]) == (
        None if newer else [container],
        {"IPv4Address": address},
    )
    assert place.get("DNSNames") == ([name, container] if newer else None)

    def inside(*words: str) -> str:
        return world.docker("exec", container, *words)

    leg = world.inspect("network", "front")["IPAM"]["Config"][0]["Subnet"].replace(".0/24", ".254")
    assert f"nameserver {leg}\n" in inside("cat", "/etc/resolv.conf")
    assert "ndots:0" in inside("cat", "/etc/resolv.conf")
    assert [address, container] in [line.split() for line in inside("cat", "/etc/hosts").splitlines()]
    for known in ("in", "other", "tasks.in", name):
        assert "1 packets received" in inside("ping", "-c", "1", "-W", "2", known), known
    assert "1 packets received" in inside("ping", "-c", "1", "-W", "2", OUTSIDE)
    world.docker("service", "rm", "in")
    world.docker("network", "rm", "front")


def test_what_was_decided_is_told_in_words(world: World) -> None:
    create(world, "wait", "--constraint", "node.role==worker")
    told = "wait  0/1  wait.1: scheduling constraints not satisfied on 1 node"
    wait_until(lambda: told in world.skerry("status", check=False), "it says why")
    world.kill_skerryd()
    world.up()
    assert told in world.skerry("status", check=False)
    world.docker("service", "rm", "wait")
    assert json.loads(world.run("curl", "-s", "--unix-socket", str(world.socket), "http://d/services")) == []
