"""Where tasks have served that leave: who is led where, and for how long."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skerry.core.derive import traffic
from skerry.core.reconcile import reconcile
from skerry.model.defaults import SECOND
from skerry.model.labels import AFTERLIFE
from skerry.model.objects import Attachment, Lease, Task
from skerry.model.traffic import Former
from tests.core.front import swarm_on_front
from tests.core.world import FAILED, RUNNING, SHUTDOWN, Swarm

FIRST = "10.0.1.2"
MINUTES = 60 * SECOND


def former(swarm: Swarm) -> tuple[Former, ...]:
    (service,) = traffic(swarm.view).services
    return service.former


def forced(swarm: Swarm, number: int = 1, **labels: str) -> None:
    """Another spec, so that each task is replaced."""
    spec = dict(swarm.service.spec.raw)
    spec["TaskTemplate"] = {**spec["TaskTemplate"], "ForceUpdate": number}
    if labels:
        spec["Labels"] = labels
    swarm.update(spec)


def updated() -> tuple[Swarm, Task]:
    """A swarm whose one task is being replaced, stop first, and has been told to go."""
    swarm = swarm_on_front()
    old = swarm.tasks[0]
    swarm.put(replace(old, running_at=swarm.now))
    forced(swarm)
    swarm.settle()
    while swarm.view.tasks[old.id].live:
        new = next(task for task in swarm.live if task.id != old.id)
        swarm.observe(new, new.desired)
        swarm.settle()
    return swarm, old


def test_a_task_that_leaves_keeps_what_is_established_and_its_address_leads_on_when_it_is_gone() -> None:
    swarm, old = updated()
    assert former(swarm) == (Former(FIRST, gone=False),)
    swarm.observe(swarm.view.tasks[old.id], SHUTDOWN)
    assert former(swarm) == (Former(FIRST),), "also before the next pass"
    swarm.settle()
    assert former(swarm) == (Former(FIRST),)


def test_it_leads_on_for_as_long_as_the_label_says() -> None:
    swarm, old = updated()
    swarm.observe(swarm.view.tasks[old.id], SHUTDOWN)
    swarm.agent()
    swarm.step(599)
    assert former(swarm) == (Former(FIRST),)
    plan = swarm.settle()
    assert plan.wake_at is not None
    assert swarm.now + SECOND <= plan.wake_at <= swarm.now + 31 * SECOND
    swarm.step(31)
    assert former(swarm) == ()
    assert not swarm.view.formers
    swarm.step(60)
    assert not swarm.view.formers, "the history still has the task"


def test_a_task_that_failed_leads_on_too() -> None:
    swarm = swarm_on_front()
    task = swarm.tasks[0]
    swarm.put(replace(task, running_at=swarm.now))
    swarm.observe(swarm.tasks[0], FAILED)
    swarm.settle()
    assert former(swarm) == (Former(FIRST),)


def test_a_task_that_never_served_leaves_nothing() -> None:
    swarm = swarm_on_front()
    swarm.put(replace(swarm.tasks[0], running_at=0))
    swarm.observe(swarm.tasks[0], FAILED)
    swarm.put(replace(swarm.tasks[0], running_at=0))
    swarm.settle()
    assert former(swarm) == ()


def test_the_address_of_a_task_that_is_scaled_away_leads_on() -> None:
    swarm, old = updated()
    swarm.observe(swarm.view.tasks[old.id], SHUTDOWN)
    swarm.agent()
    spec = {**swarm.service.spec.raw, "Mode": {"Replicated": {"Replicas": 0}}}
    swarm.update(spec)
    swarm.settle()
    for task in list(swarm.tasks):
        swarm.delete(task)
    swarm.settle()
    assert {item.address for item in former(swarm)} >= {FIRST}


@pytest.mark.parametrize("holder", ["task", "container"])
def test_an_address_that_somebody_else_has_is_no_longer_the_services(holder: str) -> None:
    swarm, old = updated()
    swarm.observe(swarm.view.tasks[old.id], SHUTDOWN)
    swarm.settle()
    if holder == "task":
        other = replace(
            swarm.tasks[-1], id="other", service_id="o", attachments=(Attachment("net", "", reserved=FIRST),)
        )
        swarm.put(replace(other, status=replace(other.status, state=RUNNING)))
    else:
        swarm.put(Lease("c.net", "c", "net", FIRST))
    assert former(swarm) == (), "at once, whatever the next pass does"
    swarm.settle()
    assert not swarm.view.formers


def test_another_address_is_given_while_there_is_one() -> None:
    swarm, old = updated()
    swarm.observe(swarm.view.tasks[old.id], SHUTDOWN)
    swarm.agent()
    for number in range(2, 6):
        forced(swarm, number)
        swarm.agent()
    given = [place.reserved for task in swarm.tasks for place in task.attachments]
    assert FIRST not in given[1:]


def test_without_an_afterlife_nothing_is_remembered() -> None:
    swarm, old = updated()
    swarm.observe(swarm.view.tasks[old.id], SHUTDOWN)
    swarm.settle()
    assert former(swarm) == (Former(FIRST),)
    forced(swarm, 1, **{AFTERLIFE: "0s"})
    swarm.agent()
    assert not swarm.view.formers


def test_a_pass_that_was_applied_has_nothing_more_to_remember() -> None:
    swarm, old = updated()
    assert reconcile(swarm.view, "s", swarm.now).empty
    assert [item.task_id for item in swarm.view.formers.values()] == [old.id]
    assert swarm.view.formers_of("s")[0].until == swarm.now + 10 * MINUTES
