"""A config and a secret get another content under their names while they are asked for, by both clients."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator

import pytest

from harness.world import World, wait_until
from tests.deploy.stage import Deploying
from tests.semantics.swarm_api import SwarmApi
from tests.support.asked import asked

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

FILE = """
    name: news
    services:
      web:
        image: box:1
        command: [sh, -c, "cat /site /run/secrets/key >/tmp/index.html; exec httpd -f -p 80 -h /tmp"]
        ports: ["8310:80"]
        configs: [{source: site, target: /site}]
        secrets: [key]
        stop_signal: SIGKILL
        deploy:
          replicas: 2
          update_config: {order: start-first, monitor: 100ms}
          rollback_config: {order: start-first, monitor: 100ms}
    configs: {site: {file: ./site.txt}}
    secrets: {key: {file: ./key.txt}}
"""
URL = "http://10.99.0.2:8310/index.html"


@pytest.fixture
def stage(world: World) -> Iterator[Deploying]:
    deploying = Deploying(world)
    deploying.write(FILE)
    yield deploying
    deploying.clear("news")
    wait_until(lambda: not kept(world), "nothing of it is kept")


def kept(world: World) -> bool:
    """Whether there is a version of what the stack had."""
    paths = ("/skerry/configs/news_site/versions", "/skerry/secrets/news_key/versions")
    return any(SwarmApi(world.socket).ask("GET", path)[0] == 200 for path in paths)


def fill(stage: Deploying, word: str) -> None:
    """Have both files say something."""
    for name in ("site", "key"):
        stage.write(f"{name} {word}\n", f"{name}.txt")


def docker_deploys(stage: Deploying) -> str:
    """What `docker stack deploy` does."""
    plain = stage.folder / "plain.yaml"
    plain.write_text((stage.folder / "compose.yaml").read_text().replace("name: news\n", ""))
    return stage.world.docker("stack", "deploy", "--detach", "--compose-file", str(plain), "news")


def pages(stage: Deploying) -> set[str]:
    """What the containers of the service say that run."""
    label = "label=com.docker.swarm.service.name=news_web"
    running = stage.world.docker("ps", "--quiet", "--filter", label).split()
    return {stage.world.docker("exec", key, "cat", "/tmp/index.html", check=False) for key in running}


def until(stage: Deploying, word: str, secret: str = "") -> None:
    """Wait until all say a word, of the secret another one where it is given."""
    wait_until(lambda: pages(stage) == {f"site {word}\nkey {secret or word}"}, f"all say {word}", 60)


def history(stage: Deploying, kind: str, name: str) -> list[tuple[int, bool]]:
    """The versions, and which is shown."""
    lines = stage.skerry(kind, "history", name, "--json")[1].splitlines()
    return [(row["Number"], row["Shown"]) for row in map(json.loads, lines)]


def test_by_docker_stack_deploy(stage: Deploying) -> None:
    world = stage.world
    fill(stage, "one")
    docker_deploys(stage)
    until(stage, "one")
    with asked(world, URL):
        fill(stage, "two")
        said = docker_deploys(stage)
        assert "Updating service news_web" in said
        until(stage, "two")
        wait_until(lambda: "completed" in state(stage), "the update is over")
        (site,) = world.docker("config", "ls", "--quiet").split()
        row = world.inspect("config", "news_site")
        assert (row["ID"], b64decode(row["Spec"]["Data"])) == (site, b"site two\n")
        assert history(stage, "config", "news_site") == [(1, False), (2, True)]
        assert history(stage, "secret", "news_key") == [(1, False), (2, True)]
        revisions = stage.skerry("history", "news_web", "--json")[1].splitlines()
        assert len(revisions) == 2, "one deployment is one revision"

        world.docker("service", "rollback", "--detach", "news_web")
        until(stage, "one")
        assert history(stage, "config", "news_site") == [(1, False), (2, True)]
        stage.skerry("export", "news", "--output", str(stage.folder / "out"))
        assert (stage.folder / "out" / "configs" / "news_site").read_text() == "site one\n", "what it has"
        docker_deploys(stage)
        until(stage, "two")
        row = world.inspect("config", "news_site")
        other = {**row["Spec"], "Data": b64encode(b"site three\n").decode()}
        path = f"/configs/{row['ID']}/update?version={row['Version']['Index']}"
        assert SwarmApi(world.socket).ask("POST", path, other)[0] == 200, "and nothing else is asked"
        until(stage, "three", "two")


def state(stage: Deploying) -> str:
    """How the service's update is."""
    return str((stage.world.inspect("service", "news_web").get("UpdateStatus") or {}).get("State", ""))


def test_by_skerry_deploy(stage: Deploying) -> None:
    world = stage.world
    fill(stage, "one")
    stage.deployed()
    with asked(world, URL):
        fill(stage, "two")
        assert "~ config news_site  new content: version 2" in stage.deployed()
        until(stage, "two")
        code, said = stage.skerry("rollback", "news")
        assert code == 0, said
        until(stage, "one")
        assert history(stage, "config", "news_site") == [(1, True), (2, False)]
        assert history(stage, "secret", "news_key") == [(1, True), (2, False)]
        assert world.docker("config", "ls", "--format", "{{.Name}}") == "news_site"
        said = world.docker("config", "rm", "news_site", check=False)
        assert "is in use by the following service: news_web" in said
