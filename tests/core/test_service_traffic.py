"""What a service gives to the network is derived again only where something of it has changed."""

from __future__ import annotations

import pytest
from msgspec import Struct
from msgspec.structs import replace

from bench.core import NOW, swarm
from skerry.core.derive import TrafficBuilder, traffic
from skerry.core.service_traffic import alters_traffic
from skerry.core.view import View
from skerry.model.drain import DrainOutcome
from skerry.model.facts import Facts
from skerry.model.labels import STACK
from skerry.model.objects import (
    Attachment,
    Endpoint,
    FormerAddress,
    Port,
    Service,
    Task,
    TaskStatus,
    UpdateStatus,
)
from skerry.model.releases import Stop
from skerry.model.states import TaskState
from tests.support.specs import of_service


def served(size: int) -> View:
    """So many services of ten tasks, all reachable."""
    view = swarm(size)
    view = view.put(replace(view.networks["net"], leg="10.0.255.254"))
    for number, task in enumerate(sorted(view.tasks.values(), key=lambda task: task.id)):
        view = view.put(replace(task, attachments=(Attachment("net", f"10.0.1.{number}"),)))
    return view


def test_a_derivation_that_goes_on_tells_the_same_as_a_fresh_one() -> None:
    derivation, view = TrafficBuilder(), served(3)
    task, service, network = view.tasks["s0t1"], view.services["s1"], view.networks["net"]
    changed = view.put(replace(task, status=replace(task.status, state=TaskState.FAILED, at=NOW)))
    labels = {"skerry.hold.timeout": "3s", STACK: "shop"}
    labelled = changed.put(
        replace(service, spec=of_service({**service.spec.raw, "Labels": labels}), created_at=NOW)
    )
    emptied = labelled.without(service)
    for last in view.tasks_of("s1"):
        emptied = emptied.without(last)
    steps: list[tuple[View, set[str] | None]] = [
        (view, None),
        (changed, {"s0"}),
        (labelled, {"s1"}),
        (labelled.without(service), {"s1"}),
        (emptied, {"s1"}),
        (emptied.put(replace(network, name="other")), set()),
        (view, None),
    ]
    for one, touched in steps:
        assert derivation.of(one, frozenset(), touched) == traffic(one)
        leaving = frozenset({"s2t3"})
        assert derivation.of(one, leaving, set()) == traffic(one, leaving) != traffic(one)


def test_what_nobody_touched_is_the_same_value() -> None:
    derivation, view = TrafficBuilder(), served(3)
    before = derivation.of(view)
    task, service = view.tasks["s0t1"], view.services["s1"]
    assert derivation.of(view.put(replace(service, version=9)), frozenset(), {"s1"}) is before
    after = derivation.of(view.put(replace(task, desired=TaskState.SHUTDOWN)), frozenset(), {"s0"})
    assert len(after.services[0].backends) == 9
    assert all(one is other for one, other in zip(before.services[1:], after.services[1:], strict=True))


def test_a_network_that_changed_is_looked_at_though_no_service_was_touched() -> None:
    builder, view = TrafficBuilder(), served(2)
    builder.of(view)
    renamed = view.put(replace(view.networks["net"], name="other"))
    assert builder.of(renamed, frozenset(), set()) == traffic(renamed) != traffic(view)


DRAIN = DrainOutcome(open=1)
OTHER: dict[type[Struct], dict[str, object]] = {
    Task: {
        **dict.fromkeys(("version", "created_at", "updated_at", "start_after", "update_started_at"), NOW),
        **dict.fromkeys(("running_at", "job_iteration", "streak", "spec_version"), 7),
        **dict.fromkeys(("registry_auth", "evicted", "follows"), "other"),
        "desired": TaskState.SHUTDOWN,
        "labels": {"a": "b"},
        "attachments": (Attachment("net", "10.0.1.77"),),
        "ports": (Port(8080, 80),),
        "node_id": "n2",
        "facts": Facts(out_of_memory=True),
    },
    TaskStatus: {
        "state": TaskState.FAILED, "at": NOW, "message": "other", "err": "other", "container_id": "c" * 64,
        "pid": 7, "exit_code": 7, "unheard": True, "drain": DRAIN,
    },
    Service: {
        **dict.fromkeys(("version", "updated_at", "revision", "spec_version", "job_iteration"), 7),
        **dict.fromkeys(("last_execution", "created_at", "started_at", "settles_at"), NOW),
        "stopped": Stop("other", NOW),
        "name": "other",
        "registry_auth": "other",
        "spec": of_service({"Name": "s0", "Labels": {"skerry.hold.timeout": "3s"}}),
        "endpoint": Endpoint(ports=(Port(8080, 80),)),
        "update": UpdateStatus("updating", "other", NOW),
    },
    FormerAddress: {
        **dict.fromkeys(("version", "created_at", "updated_at", "until"), 7),
        "address": "10.0.1.88",
        "task_id": "other",
    },
}  # fmt: skip
"""Of each kind of row every field that a change may alter, with another value."""
FIXED = {"id", "slot", "service_id", "service_name", "spec", "endpoint_spec", "status", "network_id"}


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind, others in OTHER.items() for field in others]
)
@pytest.mark.parametrize("state", [TaskState.PREPARING, TaskState.RUNNING, TaskState.COMPLETE])
@pytest.mark.parametrize("desired", [TaskState.RUNNING, TaskState.SHUTDOWN])
def test_what_does_not_count_as_a_change_alters_nothing(
    kind: type[Struct], field: str, state: TaskState, desired: TaskState
) -> None:
    view = served(1)
    former = FormerAddress("net.10.0.1.66", "net", "10.0.1.66", "s0", "t", until=NOW)
    task = view.tasks["s0t1"]
    task = replace(task, desired=desired, status=replace(task.status, state=state))
    view = view.put(task).put(former)
    rows: dict[type[Struct], Task | Service | FormerAddress] = {
        Task: task, TaskStatus: task, Service: view.services["s0"], FormerAddress: former,
    }  # fmt: skip
    row, value = rows[kind], OTHER[kind][field]
    other = (
        replace(task, status=replace(task.status, **{field: value}))
        if kind is TaskStatus
        else replace(row, **{field: value})
    )
    if not alters_traffic(row, other):
        assert traffic(view.put(other)) == traffic(view)
    if not alters_traffic(row, None):
        assert traffic(view.without(row)) == traffic(view)


@pytest.mark.parametrize("kind", OTHER)
def test_no_field_is_forgotten(kind: type[Struct]) -> None:
    assert set(kind.__struct_fields__) - FIXED <= set(OTHER[kind])


def test_of_two_that_publish_one_port_the_one_with_a_place_has_it() -> None:
    view = served(2)
    for service in view.services.values():
        ports = (Port(8080, 80),)
        view = view.put(replace(service, endpoint=replace(service.endpoint, ports=ports)))
    assert [port.service_id for port in traffic(view).ports] == ["s0"]
    for task in view.tasks_of("s0"):
        view = view.put(replace(task, status=replace(task.status, state=TaskState.PENDING)))
    assert [port.service_id for port in traffic(view).ports] == ["s1"]
