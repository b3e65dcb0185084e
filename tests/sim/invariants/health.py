"""Health: how long a container may take to get ready."""

from __future__ import annotations

from collections.abc import Iterator

from skerry.agent.observe import UNHEALTHY_CAUSE
from skerry.health.check import check_of
from skerry.model.states import TaskState
from tests.sim.images import IMAGES
from tests.sim.invariants.step import Step


def nobody_is_unhealthy_too_early(step: Step) -> Iterator[str]:
    """A task that never was ready is not unhealthy before start period + retries x interval, whatever is
    done to the machine's clock meanwhile."""
    for old, new in step.written:
        ended = old is not None and not old.status.state.terminal and new.status.state == TaskState.FAILED
        life = step.past.lives[new.id]
        if not ended or UNHEALTHY_CAUSE not in new.status.err or TaskState.RUNNING in life.reached:
            continue
        container = new.spec.typed.container_spec
        check = check_of(container.healthcheck, IMAGES[container.image]["Config"])
        age = step.at - life.reached[TaskState.STARTING]
        if check is not None and age < check.patience:
            yield f"{new.name} is unhealthy after {age / 1e9:.3f} s, it has {check.patience / 1e9:g} s"


INVARIANTS = [nobody_is_unhealthy_too_early]
