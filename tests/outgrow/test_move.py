"""Moves to a real cluster: the short story, and what goes wrong on the way."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.settings import CHECKOUT
from harness.world import wait_until
from tests.outgrow.cluster import NODES
from tests.outgrow.cutting import Cutting
from tests.outgrow.stage import Checks, Stage, stage
from tests.outgrow.story import SHORT

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

SERVICE = """
version: "3.9"
services:
  one:
    image: IMAGE
    command: ["sleep", "100000"]
    stop_signal: SIGKILL
    networks: [front]
    deploy: {update_config: {monitor: 1s}}
networks:
  front: {}
"""
FILES = (
    SERVICE.replace("    networks:", "    configs: [conf]\n    secrets: [word]\n    networks:")
    + """
configs:
  conf: {file: ./conf}
secrets:
  word: {file: ./conf}
"""
)


@pytest.fixture(scope="module")
def both(story_images: Path) -> Iterator[Stage]:
    """One skerry and one cluster for all of these."""
    assert story_images.exists()
    with stage() as found:
        yield found


def deploy(both: Stage, stack: str, text: str) -> None:
    """Deploy a stack on skerry."""
    place = both.world.root / stack
    place.mkdir(exist_ok=True)
    (place / "docker-compose.yml").write_text(text)
    (place / "conf").write_text("content")
    both.world.docker("stack", "deploy", "--compose-file", str(place / "docker-compose.yml"), stack)


def remove(both: Stage, stack: str) -> None:
    """Remove it from both sides; the genuine Swarm refuses a network whose tasks are still about to end."""
    both.world.docker("stack", "rm", stack)

    def gone() -> bool:
        return "Nothing found" in both.cluster.docker("node1", "stack", "rm", stack, check=False)

    wait_until(gone, f"{stack} is gone from the cluster")


def test_the_short_story(both: Stage) -> None:
    checks = Checks()
    for step in SHORT:
        step(both, checks)
    assert checks.failed == []
    assert checks.count >= 20
    remove(both, "story")


def test_a_connection_that_is_cut_at_any_step(both: Stage) -> None:
    """Each repeat gets one step further, though its answer is lost; a lost request changes nothing."""
    both.world.docker("tag", "box:1", "cut:1")
    deploy(both, "cut", FILES.replace("IMAGE", "cut:1"))
    wait_until(lambda: both.running("cut_one") == 1, "it runs here")
    proxy = Cutting(both.world.root / "cutting.sock", both.cluster.host("node1"))
    both.world.docker("context", "create", "cutting", "--docker", f"host=unix://{proxy.path}")
    before, steps = both.here(), []
    for number in range(20):
        proxy.after = bool(number % 2)
        code, said = both.migrate("cut", to="cutting")
        if code == 0:
            break
        step = re.search(r"Error: the connection was cut, could not (.+?)(?: \(.*\))?: cutting: ", said)
        assert step, said
        assert "what runs here is untouched, and the same command goes on from there" in said
        steps.append(step.group(1))
        assert both.here() == before
    proxy.close()
    assert code == 0, said
    todo = [
        "create network cut_front",
        "create config cut_conf",
        "create secret cut_word",
        "load image cut:1 on node1",
        "create service cut_one",
    ]
    assert steps == [step for step in todo for _ in ("lost", "done")]
    assert both.migrate("--plan", "cut")[0] == 0
    remove(both, "cut")


def test_what_does_not_converge_and_why(both: Stage) -> None:
    crashing = SERVICE.replace("IMAGE", "box:1").replace('"sleep", "100000"', '"false"')
    homesick = "deploy: {placement: {constraints: [node.hostname == elsewhere]}, "
    deploy(both, "bad", crashing)
    deploy(both, "homesick", SERVICE.replace("IMAGE", "box:1").replace("deploy: {", homesick))
    code, said = both.migrate("--timeout", "12s", "--stop-source", "bad", "homesick")
    assert code == 1
    late = sorted(line for line in said.splitlines() if line.startswith("not converged: "))
    assert len(late) == 2, said
    assert re.fullmatch(r"not converged: bad_one [01]/1: .*non-zero exit \(1\).*", late[0]), late
    unsuitable = "no suitable node (scheduling constraints not satisfied on 3 nodes)"
    assert late[1] == f"not converged: homesick_one 0/1: {unsuitable}"
    assert "constraint node.hostname == elsewhere is about this machine" in said
    assert "stopped here" not in said
    remove(both, "bad")
    remove(both, "homesick")


def test_an_image_without_a_way_to_a_node(both: Stage) -> None:
    both.world.docker("tag", "box:1", "wayless:1")
    deploy(both, "wayless", SERVICE.replace("IMAGE", "wayless:1"))
    both.world.docker("context", "rm", "--force", "node3")
    code, said = both.migrate("wayless")
    host = both.cluster.host("node3")
    both.world.docker("context", "create", "node3", "--docker", f"host={host}")
    assert code == 1
    assert (
        "conflict: image wayless:1: no way to the engine of node node3 is known: name it with --node" in said
    )
    assert said.endswith("nothing was moved\n")
    assert "wayless" not in both.cluster.docker("node1", "service", "ls")
    both.world.docker("rmi", "wayless:1")
    code, said = both.migrate("wayless")
    assert "image wayless:1 is in no registry that node1 can read, and not here either" in said
    remove(both, "wayless")


def test_a_registry_instead_of_copies(both: Stage) -> None:
    folder = both.world.root / "registry"
    folder.mkdir()
    serve = [sys.executable, "-m", "tests.outgrow.registry", str(folder), "5000"]
    spaces = [both.world.net.inside, *both.cluster.spaces.values()]
    servers = [
        subprocess.Popen(["nsenter", f"--net=/run/netns/{space}", *serve], cwd=CHECKOUT) for space in spaces
    ]
    try:
        wait_until(
            lambda: both.world.run("curl", "-s", "http://127.0.0.1:5000/v2/", check=False) == "", "it serves"
        )
        both.world.docker("tag", "box:1", "pushed:1")
        deploy(
            both, "reg", SERVICE.replace("IMAGE", "pushed:1").replace("deploy: {", "deploy: {mode: global, ")
        )
        code, said = both.migrate("--registry", "127.0.0.1:5000/team", "reg")
        assert code == 0, said
        assert "push image pushed:1 as 127.0.0.1:5000/team/pushed:1" in said
        assert both.cluster.nodes_of("reg_one") == set(NODES)
        assert {task["image"] for task in both.cluster.tasks("reg_one")} == {"127.0.0.1:5000/team/pushed:1"}
        assert both.migrate("--plan", "--registry", "127.0.0.1:5000/team", "reg")[0] == 0
        remove(both, "reg")
    finally:
        for server in servers:
            server.kill()
            server.wait()


def test_a_rebuilt_tag_is_moved_again(both: Stage) -> None:
    both.world.docker("tag", "box:1", "built:1")
    deploy(both, "built", SERVICE.replace("IMAGE", "built:1"))
    assert both.migrate("built")[0] == 0
    before = both.cluster.inspect("service", "built_one")["Spec"]["TaskTemplate"]["ForceUpdate"]
    place = both.world.root / "built"
    (place / "Dockerfile").write_text('FROM box:1\nLABEL built="again"\n')
    both.world.docker("build", "--tag", "built:1", str(place), timeout=120)
    code, said = both.migrate("built")
    assert code == 0, said
    assert "load image built:1 on node2" in said
    assert "update service built_one" in said
    after = both.cluster.inspect("service", "built_one")["Spec"]["TaskTemplate"]["ForceUpdate"]
    assert after == before + 1
    assert both.migrate("--plan", "built")[0] == 0
    remove(both, "built")
