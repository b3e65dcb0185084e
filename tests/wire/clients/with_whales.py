"""python-on-whales: a stack and a service by the CLI that it drives."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from python_on_whales import docker
from python_on_whales.exceptions import DockerException, NoSuchService

COMPOSE = """
services:
  web:
    image: box:1
    command: sleep 100000
    stop_grace_period: 1s
    deploy: {replicas: 2}
    configs: [page]
configs: {page: {file: ./page.txt}}
"""


def states() -> list[str]:
    """Of the stack's tasks; for one that has none yet the CLI says that nothing was found, and fails."""
    try:
        return [task.status.state for task in docker.stack.ps("whales")]
    except DockerException as error:
        if "nothing found in stack" not in str(error):
            raise
        return []


with tempfile.TemporaryDirectory() as folder:
    Path(folder, "page.txt").write_text("page")
    file = Path(folder, "stack.yml")
    file.write_text(COMPOSE)
    stack = docker.stack.deploy("whales", [file])
    deadline = time.monotonic() + 40
    while states().count("running") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    (service,) = docker.stack.services("whales")
    assert service.spec.name == "whales_web"
    assert service.spec.task_template.container_spec.image == "box:1"
    service.scale(1)
    assert docker.service.inspect("whales_web").spec.mode["Replicated"]["Replicas"] == 1
    assert docker.service.exists("whales_web")
    assert not docker.service.exists("nothing")
    assert [node.status.state for node in docker.node.list()] == ["ready"]
    assert docker.system.info().swarm.local_node_state == "active"
    config = docker.config.create("whales", file)
    assert config.spec.name == "whales"
    config.remove()
    secret = docker.secret.create("whales", file)
    secret.remove()
    stack.remove()
    try:
        docker.service.inspect("whales_web")
        raise AssertionError("the service is still there")
    except NoSuchService:
        print("python-on-whales: ok")
