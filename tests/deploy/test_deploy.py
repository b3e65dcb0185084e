"""`skerry deploy` on a real engine: from a file to a stack that runs, and the exit codes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.world import World
from tests.deploy.stage import Deploying, events

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

SHOP = """
    name: shop
    services:
      web:
        image: box:1
        init: true
        command: sleep 1000000
        depends_on: {migrate: {condition: service_completed_successfully}}
        environment: {VERSION: "${VERSION:-1}"}
        shm_size: 32m
        labels: {mine: "1"}
        secrets: [key]
        configs: [{source: site, target: /etc/site}]
        deploy: {replicas: 2, update_config: {order: start-first, monitor: 500ms}}
      migrate:
        image: box:1
        command: "true"
    networks: {default: {driver: bridge}}
    secrets: {key: {environment: KEY}}
    configs: {site: {content: "of ${VERSION:-1}"}}
"""


@pytest.fixture
def stage(world: World) -> Iterator[Deploying]:
    deploying = Deploying(world)
    deploying.write("KEY=of-the-shop\n", ".env")
    yield deploying
    deploying.clear("shop")


def test_a_file_becomes_a_stack_and_again_changes_nothing(stage: Deploying) -> None:
    stage.write(SHOP)
    code, said = stage.deploy("--plan")
    assert code == 2, said
    assert "+ service shop_web  new: 2 tasks; after" in said
    assert stage.services() == {}

    said = stage.deployed()
    assert "Note: network default: driver bridge becomes overlay" in said
    assert "shop: release 1 converged" in said
    assert stage.services() == {"shop_web": "2/2", "shop_migrate": "0/1 (1/1 completed)"}
    container = stage.container("shop_web")
    assert container["HostConfig"]["ShmSize"] == 32 << 20
    assert (
        stage.world.docker("exec", container["Id"], "cat", "/run/secrets/key", "/etc/site")
        == "of-the-shopof 1"
    )

    said = stage.deployed()
    assert "shop: nothing to do, release 1 is what the file says" in said
    stage.world.inspect("container", container["Id"])  # it is still there
    assert stage.deploy("--plan")[0] == 0


def test_a_change_is_planned_rolled_and_told(stage: Deploying) -> None:
    stage.write(SHOP)
    stage.deployed()
    stage.write(SHOP.replace("VERSION:-1", "VERSION:-2"))
    code, said = stage.deploy("--plan")
    assert code == 2, said
    assert "~ service shop_web  rolled: 2 tasks, start-first, 1 at a time" in said
    assert "Env[VERSION]  1 → 2" in said
    assert "~ config shop_site  new content: version 2" in said

    code, said = stage.deploy("--json")
    assert code == 0, said
    first, *lines, last = events(said)
    assert (first["Stack"], first["Release"], first["Changed"]) == ("shop", 2, True)
    assert {line["Service"] for line in lines} == {"shop_web"}
    assert lines[-1]["Phase"] == "done"
    assert stage.world.docker("exec", stage.container("shop_web")["Id"], "cat", "/etc/site") == "of 2"
    assert "nothing to do" in stage.deployed()
    stage.write("KEY=another\n", ".env")
    assert "~ secret shop_key  new content: version 2" in stage.deployed()
    told = stage.skerry("secret", "history", "shop_key")[1]
    assert [line.split()[0] for line in told.splitlines()] == ["NUMBER", "1", "2*"]
    assert "another" not in told
    assert (last["Release"], last["State"]) == (2, "converged")

    code, said = stage.skerry("diff", "shop", "1", "2")
    assert code == 2, said
    assert "VERSION=1" in said
    code, said = stage.skerry("diff", "shop", "2", "2")
    assert code == 0, said


def test_what_fails_is_taken_back_with_its_reason(stage: Deploying) -> None:
    stage.write(SHOP)
    stage.deployed()
    stage.write(SHOP.replace("command: sleep 1000000", "command: sh -c 'echo no database; exit 3'"))
    code, said = stage.deploy()
    assert code == 5, said
    assert "shop: release 2 rolled back: " in said
    assert "no database" in said
    assert stage.container("shop_web")["Config"]["Cmd"] == ["sleep", "1000000"]


def test_it_goes_on_when_it_is_not_waited_for(stage: Deploying) -> None:
    stage.write(
        SHOP.replace(
            "image: box:1\n        init", "image: box:1\n        healthcheck: {test: 'false'}\n        init"
        )
    )
    code, said = stage.deploy("--timeout", "500ms")
    assert code == 7, said
    assert "it goes on; to see how: skerry deploy --follow shop" in said
    stage.write(SHOP)
    code, said = stage.deploy("--detach")
    assert code == 0, said
    code, said = stage.skerry("deploy", "--follow", "shop")
    assert code == 0, said
    assert "converged" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("services:", "services: ["), "compose.yaml:3: go-yaml load error"),
        (("init: true", "initial: true"), "web.initial is no key of the compose specification"),
        (("init: true", "ports: 5"), "services.web.ports must be"),
        (("init: true", "hostname: ${NOWHERE?say which}"), "NOWHERE is missing a value: say which"),
        (("init: true", "env_file: none.env"), "none.env"),
        (("init: true", "pid: 'service:migrate'"), "service web: pid: a task has namespaces"),
        (('command: "true"', "depends_on: [web]"), "dependency cycle detected"),
        (("environment: KEY", "file: none.txt"), "secret key: file: "),
        (("environment: KEY", "external: true"), "key"),
        (('labels: {mine: "1"}', "labels: {skerry.privileged: perhaps}"), "label skerry.privileged: "),
        (
            (
                "init: true",
                "ports: ['80:80']\n      other: {image: a, ports: ['80:81']}\n      more:\n        image: a",
            ),
            "service web: ports: 80/tcp is published by service other too",
        ),
    ],
)
def test_bad_input_changes_nothing(stage: Deploying, change: tuple[str, str], said: str) -> None:
    text = SHOP.replace(*change) if "other" not in change[1] else SHOP.split("depends_on")[0].replace(*change)
    stage.write(text)
    code, answer = stage.deploy()
    assert code == 4, answer
    assert said in answer
    assert stage.services() == {}
    assert (
        stage.world.docker("network", "ls", "--filter", "label=com.docker.stack.namespace", "--quiet") == ""
    )


def test_commands_for_stacks(stage: Deploying) -> None:
    stage.write(SHOP)
    stage.deployed()
    code, said = stage.skerry("stacks")
    assert code == 0
    assert said.splitlines()[1].split()[:4] == ["shop", "2", "1", "converged"]
    code, said = stage.skerry("ps", "shop")
    assert code == 0
    assert any(line.split()[:3] == ["shop_web", "replicated", "2/2"] for line in said.splitlines())
    assert stage.skerry("scale", "shop/web=1") == (0, "shop_web: scaled to 1\n")
    assert stage.services()["shop_web"].endswith("/1")
    before = stage.world.inspect("service", "shop_web")["Spec"]["TaskTemplate"]["ForceUpdate"]
    assert stage.skerry("restart", "shop/web") == (0, "shop_web: restarting\n")
    assert stage.world.inspect("service", "shop_web")["Spec"]["TaskTemplate"]["ForceUpdate"] == before + 1
    assert stage.skerry("rm", "shop") == (0, "shop: removed; its volumes stay\n")
    assert stage.services() == {}
    code, said = stage.skerry("ps", "nothing")
    assert code == 1


def test_a_command_in_a_container_and_one_of_its_own(stage: Deploying) -> None:
    stage.write(SHOP)
    stage.deployed()
    assert stage.run("exec", "shop/web", "cat", "/etc/site") == (0, "of 1")
    assert stage.run("exec", "shop/web.2", "sh", "-c", "exit 7")[0] == 7
    assert stage.run("exec", "shop/web.9", "true")[0] == 1
    assert stage.run("run", "shop/web", "cat", "/run/secrets/key") == (0, "of-the-shop")
    assert stage.run("run", "shop/web", "sh", "-c", "exit 7")[0] == 7
    assert set(stage.services()) == {"shop_web", "shop_migrate"}
