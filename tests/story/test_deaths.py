"""skerryd dies in the middle of an update; the machine loses power. Clients go on, and so does the stack."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from demo.load import Load, Tally
from demo.watch import Rollout
from harness.world import World, wait_until
from tests.story.stack import APP, WEB, containers, running

pytestmark = [pytest.mark.engine, pytest.mark.timeout(150)]


@contextmanager
def under_load(world: World) -> Iterator[Load]:
    """Clients from here to the end of the block; none of their requests may fail."""
    load = Load(world.story_settings())
    load.start()
    try:
        load.wait_first(30)
        yield load
    finally:
        load.stop()
    tally = Tally.of(load.all())
    assert tally.requests > 200
    assert tally.failed == 0, tally.errors


@pytest.mark.parametrize("moment", ["preparing", "starting", "running"])
def test_skerryd_killed_in_the_middle_of_an_update(stack: World, moment: str) -> None:
    now = stack.inspect("service", APP)["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]
    image = "story-app:1.0.0" if "1.0.1" in now else "story-app:1.0.1"
    untouched = containers(stack, WEB)
    api = stack.api()
    ranks = ["new", "pending", "assigned", "accepted", "preparing", "ready", "starting", "running"]

    with under_load(stack) as load, Rollout(stack.socket, APP, 2) as rollout:
        before = {task["ID"] for task in api.tasks(APP)}
        stack.docker("service", "update", "--detach", "--update-monitor", "1s", "--image", image, APP)

        def reached() -> bool:
            new = [task for task in api.tasks(APP) if task["ID"] not in before]
            return any(ranks.index(task["Status"]["State"]) >= ranks.index(moment) for task in new)

        wait_until(reached, f"a new task is {moment}")
        rollout.pause()
        stack.kill_skerryd()
        since = time.monotonic()
        wait_until(lambda: len(load.between(since, time.monotonic())) >= 200, "served without skerryd")
        stack.up()
        rollout.go_on()
        rollout.wait(60)
    assert containers(stack, WEB) == untouched
    wait_until(lambda: api.update_state(APP) == "completed", "the update completes")
    assert api.service(APP)["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"].startswith(image)


def test_skerryd_killed_at_rest_adopts_every_task(stack: World) -> None:
    before = containers(stack, WEB) | containers(stack, APP)
    with under_load(stack):
        stack.kill_skerryd()
        stack.up()
        wait_until(lambda: len(running(stack, APP)) == 2 and len(running(stack, WEB)) == 1, "the tasks run")
        assert containers(stack, WEB) | containers(stack, APP) == before


def test_after_a_reboot_the_stack_comes_back_by_itself(stack: World) -> None:
    stack.reboot()
    stack.up()
    wait_until(lambda: len(running(stack, APP)) == 2 and len(running(stack, WEB)) == 1, "the stack runs", 60)
    assert "Version: " in stack.run("curl", "-s", "--max-time", "10", "http://127.0.0.1/")
    with under_load(stack) as load:
        wait_until(lambda: len(load.all()) > 300, "clients are served")
