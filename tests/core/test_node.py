"""What the node decides: drained or paused, its labels, its resources, plugins and platform."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skerry.model.objects import Raw
from skerry.model.states import TaskState
from tests.core.world import READY, RUNNING, SHUTDOWN, Swarm, service_spec

GIB = 1 << 30
INSUFFICIENT = "insufficient resources on 1 node"
GPU: Raw = {"DiscreteResourceSpec": {"Kind": "GPU"}}
DESCRIPTION: Raw = {
    "Resources": {"NanoCPUs": 2_000_000_000, "MemoryBytes": 4 * GIB},
    "Platform": {"Architecture": "x86_64", "OS": "linux"},
    "Engine": {
        "Plugins": [
            {"Type": "Log", "Name": "json-file"},
            {"Type": "Log", "Name": "loki:latest"},
            {"Type": "Log", "Name": "old:1"},
            {"Type": "Volume", "Name": "local"},
        ]
    },
}


def running(spec: Raw | None = None) -> Swarm:
    """A swarm whose service runs."""
    swarm = Swarm(spec, description=DESCRIPTION)
    swarm.agent()
    return swarm


def test_draining_shuts_tasks_down_and_others_wait_without_a_delay() -> None:
    swarm = running()
    before = swarm.live
    swarm.set_node("drain")
    swarm.settle()
    assert {(task.desired, task.status.state) for task in swarm.live} == {(READY, TaskState.PENDING)}
    swarm.agent()
    assert {swarm.view.tasks[task.id].status.state for task in before} == {SHUTDOWN}
    assert [(task.slot, task.status.state, task.status.err) for task in swarm.live] == [
        (slot, TaskState.PENDING, "no suitable node (1 node not available for new tasks)") for slot in (1, 2)
    ]
    swarm.step(60)
    assert len(swarm.tasks) == 4, "one successor each, and no more"
    swarm.set_node("active")
    swarm.agent()
    assert [task.status.state for task in swarm.live] == [RUNNING, RUNNING]
    assert {task.start_after for task in swarm.live} == {0}


def test_a_paused_node_keeps_what_runs_and_takes_nothing_new() -> None:
    swarm = running()
    before = [task.id for task in swarm.live]
    swarm.set_node("pause")
    swarm.update(service_spec(replicas=3))
    swarm.agent()
    assert [task.id for task in swarm.live if task.status.state == RUNNING] == before
    assert [task.slot for task in swarm.live if task.status.state == TaskState.PENDING] == [3]


@pytest.mark.parametrize("availability", ["pause", "drain"])
def test_a_global_service_makes_nothing_on_a_node_that_takes_nothing(availability: str) -> None:
    spec = {**service_spec(), "Mode": {"Global": {}}}
    swarm = running(spec)
    swarm.set_node(availability)
    swarm.agent()
    assert len(swarm.tasks) == 1
    swarm.update({**spec, "TaskTemplate": {"ContainerSpec": {"Image": "app:2"}}})
    swarm.agent()
    assert len(swarm.tasks) == 1
    swarm.set_node("active")
    swarm.agent()
    assert [task.spec.raw["ContainerSpec"]["Image"] for task in swarm.live] == ["app:2"]


def constrained(constraint: str, **more: Raw) -> Raw:
    """A service with a constraint."""
    return service_spec(template={"Placement": {"Constraints": [constraint]}}, **more)


def test_tasks_leave_a_node_that_no_longer_fits_them() -> None:
    swarm = Swarm(constrained("node.labels.disk == ssd"))
    swarm.set_node(disk="ssd")
    swarm.agent()
    assert [task.status.state for task in swarm.live] == [RUNNING, RUNNING]
    swarm.set_node(disk="hdd")
    swarm.agent()
    assert {task.status.err for task in swarm.live} == {
        "no suitable node (scheduling constraints not satisfied on 1 node)"
    }
    assert {task.evicted for task in swarm.tasks if not task.live} == {
        "assigned node no longer meets constraints"
    }


def test_a_placement_that_the_node_satisfies_replaces_nothing() -> None:
    swarm = running()
    before = [task.id for task in swarm.live]
    swarm.update(constrained("node.role == manager"))
    swarm.agent()
    assert [task.id for task in swarm.live] == before
    assert swarm.service.update is None


def test_a_task_that_waits_for_a_place_is_replaced_by_one_that_has_it() -> None:
    swarm = Swarm(constrained("node.role == worker"))
    swarm.agent()
    assert {task.status.state.word for task in swarm.live} == {"pending"}
    swarm.update(constrained("node.role == manager"))
    swarm.agent()
    assert {task.status.state for task in swarm.live} == {RUNNING}


def test_a_placement_that_it_does_not_satisfy_leaves_the_old_task_until_the_new_one_could_start() -> None:
    swarm = running()
    before = [task.id for task in swarm.live]
    swarm.update(constrained("node.role == worker"))
    swarm.agent()
    assert [task.id for task in swarm.live if task.status.state == RUNNING] == before
    assert swarm.service.update is not None
    assert swarm.service.update.state == "updating"


def test_a_global_service_follows_its_constraint() -> None:
    spec = {**constrained("node.labels.gpu == yes"), "Mode": {"Global": {}}}
    swarm = Swarm(spec)
    swarm.agent()
    assert swarm.tasks == []
    swarm.set_node(gpu="yes")
    swarm.agent()
    assert [task.status.state for task in swarm.live] == [RUNNING]
    swarm.set_node(gpu="no")
    swarm.agent()
    assert [task.status.state for task in swarm.tasks] == [SHUTDOWN]


def reserving(cpus: float, tag: str = "1", replicas: int = 1, order: str = "stop-first") -> Raw:
    """A service that reserves CPUs."""
    template = {
        "ContainerSpec": {"Image": f"app:{tag}"},
        "Resources": {"Reservations": {"NanoCPUs": int(cpus * 1e9)}},
    }
    config = {"Parallelism": 1, "Order": order}
    return service_spec(template=template, replicas=replicas, UpdateConfig=config)


def test_reservations_are_added_up() -> None:
    swarm = running(reserving(0.9, replicas=3))
    assert [task.status.err for task in swarm.live] == [
        "", "", "no suitable node (insufficient resources on 1 node)",
    ]  # fmt: skip
    swarm.update(reserving(0.9, replicas=1))
    swarm.agent()
    swarm.update(reserving(0.9, replicas=2))
    swarm.agent()
    assert [task.status.state for task in swarm.live] == [RUNNING, RUNNING]


def test_a_successor_has_what_its_predecessor_gives_up() -> None:
    swarm = running(reserving(1.5))
    swarm.update(reserving(1.5, "2"))
    swarm.agent()
    assert [task.spec.raw["ContainerSpec"]["Image"] for task in swarm.live] == ["app:2"]


def test_beside_its_predecessor_it_needs_its_own() -> None:
    swarm = running(reserving(1.5))
    swarm.update(reserving(1.5, "2", order="start-first"))
    swarm.agent()
    assert [task.status.err for task in swarm.live] == ["", f"no suitable node ({INSUFFICIENT})"]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ({"Resources": {"Reservations": {"MemoryBytes": 5 * GIB}}}, INSUFFICIENT),
        (
            {
                "Resources": {
                    "Reservations": {"GenericResources": [{"DiscreteResourceSpec": {"Kind": "GPU"}}]}
                }
            },
            "insufficient resources on 1 node",
        ),
        ({"LogDriver": {"Name": "splunk"}}, "missing plugin on 1 node"),
        ({"LogDriver": {"Name": "json-file"}}, ""),
        ({"LogDriver": {"Name": "loki"}}, ""),
        ({"LogDriver": {"Name": "loki:latest"}}, ""),
        ({"LogDriver": {"Name": "loki:2"}}, "missing plugin on 1 node"),
        ({"LogDriver": {"Name": "old"}}, "missing plugin on 1 node"),
        ({"LogDriver": {"Name": "none"}}, ""),
        (
            {
                "ContainerSpec": {
                    "Image": "app:1",
                    "Mounts": [{"Type": "volume", "VolumeOptions": {"DriverConfig": {"Name": "nfs"}}}],
                }
            },
            "missing plugin on 1 node",
        ),
        (
            {"Placement": {"Constraints": ["node.role==worker"]}},
            "scheduling constraints not satisfied on 1 node",
        ),
        ({"Placement": {"Platforms": [{"Architecture": "arm64"}]}}, "unsupported platform on 1 node"),
        ({"Placement": {"Platforms": [{"Architecture": "amd64", "OS": "linux"}]}}, ""),
    ],
)
def test_what_stands_in_the_way(template: Raw, words: str) -> None:
    swarm = running(service_spec(replicas=1, template=template))
    assert swarm.tasks[0].status.err == (f"no suitable node ({words})" if words else "")
    alone = running({**service_spec(template=template), "Mode": {"Global": {}}})
    unfit = "constraints" in words or "platform" in words
    assert [task.status.err for task in alone.tasks] == ([] if unfit else [words])


def test_max_replicas_on_the_node_but_a_successor_may_overlap() -> None:
    def limited(tag: str, replicas: int) -> Raw:
        template = {"ContainerSpec": {"Image": f"app:{tag}"}, "Placement": {"MaxReplicas": 1}}
        return service_spec(replicas=replicas, template=template)

    swarm = running(limited("1", 2))
    assert [task.status.err for task in swarm.live] == [
        "", "no suitable node (max replicas per node limit exceed)",
    ]  # fmt: skip
    swarm.update(limited("1", 1))
    swarm.agent()
    swarm.update(limited("2", 1))
    swarm.agent()
    assert [(task.spec.raw["ContainerSpec"]["Image"], task.status.state) for task in swarm.live] == [
        ("app:2", RUNNING)
    ]


def test_a_change_of_the_node_that_matters_to_nobody_changes_nothing() -> None:
    swarm = running()
    swarm.put(replace(swarm.node, spec={**swarm.node.spec, "Labels": {"a": "b"}}))
    assert swarm.settle().empty


def test_a_global_service_made_on_a_paused_node_waits_for_it() -> None:
    swarm = Swarm({**service_spec(), "Mode": {"Global": {}}})
    swarm.set_node("pause")
    swarm.agent()
    assert swarm.tasks == []
    swarm.set_node()
    swarm.agent()
    assert [task.status.state for task in swarm.tasks] == [RUNNING]


def test_memory_is_given_back() -> None:
    def wants(gib: int) -> Raw:
        reserved = {"Resources": {"Reservations": {"MemoryBytes": gib * GIB}}}
        return service_spec(replicas=1, template=reserved, UpdateConfig={"Parallelism": 1})

    swarm = running(wants(3))
    for gib in (2, 4, 3):
        swarm.update(wants(gib))
        swarm.agent()
        swarm.step(6)
        assert [task.status.state for task in swarm.live] == [RUNNING]


def test_another_service_has_the_host_port() -> None:
    ports = {"Ports": [{"TargetPort": 80, "PublishedPort": 80, "PublishMode": "host"}]}
    swarm = Swarm(service_spec(replicas=1, EndpointSpec=ports), reserved=("tcp/80",))
    swarm.settle()
    theirs = replace(swarm.tasks[0], id="other", service_id="theirs")
    swarm.delete(swarm.tasks[0])
    swarm.put(replace(theirs, status=replace(theirs.status, state=RUNNING)))
    swarm.settle()
    assert swarm.tasks[0].status.err == "no suitable node (host-mode port already in use on 1 node)"
    swarm.put(replace(theirs, status=replace(theirs.status, state=SHUTDOWN)))
    swarm.settle()
    assert swarm.tasks[0].status.err == ""
