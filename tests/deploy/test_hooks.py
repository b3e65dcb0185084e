"""Hooks of a compose file on a real engine: as whom they run, when, and what comes of one that fails."""

from __future__ import annotations

import pytest

from harness.world import World
from tests.deploy.stage import Deploying

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

FILE = """
    name: hooks
    services:
      web:
        image: box:1
        init: true
        command: sleep 1000000
        user: "7"
        volumes: ["data:/data"]
        post_start:
          - command: sh -c 'echo "$$(id -u) $$PWD $$WORD" >/data/started; exit ${CODE:-0}'
            user: "0"
            working_dir: /data
            environment: {WORD: hello}
        pre_stop: [{command: sh -c 'echo bye >/data/stopped', user: "0"}]
    volumes: {data: {}}
"""


def test_they_run_after_the_start_and_before_the_stop(world: World) -> None:
    stage = Deploying(world)
    stage.write(FILE)
    stage.deployed()
    key = stage.container("hooks_web")["Id"]
    assert world.docker("exec", key, "cat", "/data/started") == "0 /data hello"
    stage.write(FILE.replace("CODE:-0", "CODE:-3"))
    code, said = stage.deploy()
    assert code == 5, said
    code, said = stage.skerry("stop", "hooks")
    assert code == 0, said
    read = ("run", "--rm", "--volume", "hooks_data:/data", "box:1", "cat", "/data/stopped")
    assert world.docker(*read) == "bye"
    stage.clear("hooks")
