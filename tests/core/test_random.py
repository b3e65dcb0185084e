"""Random lives of a service: whatever happens in whatever order, it comes to rest where it should."""

from __future__ import annotations

import random

import pytest

from skerry.core.dirty import is_dirty
from skerry.core.slots import slots_of
from skerry.model.objects import Task
from skerry.model.specs import RestartPolicy
from skerry.model.states import TaskState
from tests.core.world import (
    COMPLETE,
    FAILED,
    READY,
    REJECTED,
    RUNNING,
    SHUTDOWN,
    STARTING,
    Swarm,
    service_spec,
)

ORDERS = ("stop-first", "start-first")
ACTIONS = ("pause", "continue", "rollback")
NEXT = {
    TaskState.ASSIGNED: TaskState.PREPARING,
    TaskState.PREPARING: READY,
    READY: STARTING,
    STARTING: RUNNING,
}


def advance(swarm: Swarm, task: Task, chance: random.Random) -> None:
    """One step of a task's life, sometimes its last."""
    state = task.status.state
    if state.terminal or state < TaskState.ASSIGNED:
        return
    if not task.live:
        swarm.observe(task, SHUTDOWN)
    elif chance.random() < 0.1:
        end = REJECTED if state < STARTING else chance.choice([FAILED, COMPLETE])
        swarm.observe(task, end)
    elif state in NEXT and (state != READY or task.desired == RUNNING):
        swarm.observe(task, NEXT[state])


def random_spec(chance: random.Random, serial: int) -> dict[str, object]:
    """Another spec, or almost the same one."""
    return service_spec(
        replicas=chance.randint(0, 4),
        template={"ContainerSpec": {"Image": f"app:{chance.randint(0, 3)}"}, "ForceUpdate": serial % 3},
        UpdateConfig={
            "Parallelism": chance.randint(0, 2),
            "Order": chance.choice(ORDERS),
            "FailureAction": chance.choice(ACTIONS),
            "Monitor": 2_000_000_000,
            "MaxFailureRatio": chance.choice([0, 0.5]),
        },
    )


def check_safety(swarm: Swarm) -> None:
    """What must hold after every commit."""
    for slot in slots_of(swarm.service, swarm.tasks, RestartPolicy(), swarm.node).values():
        assert len(slot.clean) <= 1, "a slot has one task of the spec as it is"
        up = [task for task in slot.tasks if task.status.state in (STARTING, RUNNING)]
        assert len(up) <= 3


@pytest.mark.parametrize("seed", range(60))
def test_comes_to_rest_after_anything(seed: int) -> None:
    chance = random.Random(seed)
    swarm = Swarm()
    for serial in range(60):
        match chance.randint(0, 9):
            case 0:
                swarm.update(random_spec(chance, serial))
            case 1:
                swarm.step(chance.choice([0.5, 3, 6, 70]))
            case _ if swarm.tasks:
                advance(swarm, chance.choice(swarm.tasks), chance)
        swarm.settle()
        check_safety(swarm)
    for _ in range(40):  # now nothing fails any more
        swarm.agent()
        swarm.step(6)
    mode = swarm.service.spec["Mode"]["Replicated"]["Replicas"]
    running = [task for task in swarm.live if task.status.state == RUNNING]
    assert len(running) == len(swarm.live) == mode
    halted = swarm.service.update is not None and "paused" in swarm.service.update.state
    if not halted:
        assert not [task for task in running if is_dirty(swarm.service, task, swarm.node)]
