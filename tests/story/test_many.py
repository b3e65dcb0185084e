"""Update after update under load: what goes wrong once in many times shall show here."""

from __future__ import annotations

import pytest

from demo.load import Load, Tally
from demo.settings import Pace
from demo.watch import Rollout
from harness.world import World, wait_until
from tests.story.stack import APP

pytestmark = [pytest.mark.engine, pytest.mark.timeout(150)]

UPDATES = 6


def test_no_update_of_many_is_noticed(stack: World) -> None:
    pace = Pace(kept=16, kept_every=0.04, fresh=12, fresh_every=0.04, loop_every=0.01)
    load = Load(stack.story_settings(pace=pace))
    load.start()
    try:
        load.wait_first(30)
        for _ in range(UPDATES):
            with Rollout(stack.socket, APP, 2) as rollout:
                stack.docker("service", "update", "--detach", "--force", "--update-monitor", "100ms", APP)
                rollout.wait()
            wait_until(lambda: stack.api().update_state(APP) == "completed", "the update completes")
    finally:
        load.stop()
    tally = Tally.of(load.all())
    assert tally.failed == 0, tally.errors
