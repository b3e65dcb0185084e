"""Tasks, slots and restarts as Swarm has them, where no other test of the core tells."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skerry.core.derive import traffic
from skerry.core.draft import Draft
from skerry.core.reconcile import reconcile
from skerry.model.defaults import SECOND
from skerry.model.objects import Attachment, Cluster, Endpoint, Port, Raw, Task
from skerry.model.states import STATES_BY_WORD, TaskState
from tests.core.world import COMPLETE, FAILED, READY, REJECTED, REMOVE, RUNNING, SHUTDOWN, Swarm, service_spec
from tests.support.specs import of_service

DESCRIPTION: Raw = {
    "Resources": {"NanoCPUs": 2_000_000_000, "MemoryBytes": 1 << 32},
    "Platform": {"Architecture": "x86_64", "OS": "linux"},
    "Engine": {"Plugins": [{"Type": "Log", "Name": "json-file"}], "Labels": {"rack": "7"}},
}


def one(**template: object) -> Swarm:
    """A swarm whose service of one replica runs."""
    swarm = Swarm(service_spec(replicas=1, template=template), description=DESCRIPTION)
    swarm.agent()
    return swarm


def restarted(swarm: Swarm, state: TaskState = FAILED) -> Task:
    """The running task ends; its successor, running."""
    swarm.observe(next(task for task in swarm.live if task.status.state == RUNNING), state)
    swarm.step(70)
    swarm.agent()
    return next(task for task in swarm.live if task.status.state == RUNNING)


def test_the_states_have_swarms_words_order_and_numbers() -> None:
    ranks = [0, 64, 192, 256, 320, 384, 448, 512, 576, 640, 704, 768, 800, 832]
    words = "new pending assigned accepted preparing ready starting running complete shutdown failed rejected"
    assert [int(state) for state in TaskState] == ranks
    assert list(STATES_BY_WORD) == [*words.split(), "remove", "orphaned"]


def test_a_desired_state_never_falls() -> None:
    swarm = one()
    swarm.put(replace(swarm.tasks[0], desired=SHUTDOWN))
    draft = Draft(swarm.view, swarm.service, swarm.node, swarm.now)
    for lower in (READY, RUNNING, COMPLETE):
        draft.want(swarm.tasks[0], lower)
    assert draft.tasks["t1"].desired == SHUTDOWN
    draft.want(swarm.tasks[0], REMOVE)
    assert draft.tasks["t1"].desired == REMOVE


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ({"Replicated": {"Replicas": 1}}, "scheduler assigned task to node"),
        ({"Global": {}}, "scheduler confirmed task can run on preassigned node"),
        ({"ReplicatedJob": {"MaxConcurrent": 1}}, "scheduler assigned task to node"),
        ({"GlobalJob": {}}, "scheduler confirmed task can run on preassigned node"),
    ],
)
def test_what_the_scheduler_says(mode: Raw, message: str) -> None:
    ports = {"Ports": [{"TargetPort": 80, "PublishedPort": 80}]}
    swarm = Swarm({**service_spec(EndpointSpec=ports), "Mode": mode})
    swarm.put(replace(swarm.service, endpoint=Endpoint(ports=(Port(80, 80),))))
    swarm.settle()
    waiting = swarm.tasks[0].status
    assert (waiting.state, waiting.message) == (TaskState.PENDING, "pending task scheduling")
    swarm.put(replace(swarm.node, reserved=("tcp/80",)))
    swarm.settle()
    assert (swarm.tasks[0].status.state, swarm.tasks[0].status.message) == (TaskState.ASSIGNED, message)


def test_a_replicated_job_counts_from_zero_and_its_first_slot_is_named_after_the_node() -> None:
    mode = {"ReplicatedJob": {"MaxConcurrent": 2, "TotalCompletions": 2}}
    swarm = Swarm({**service_spec(), "Mode": mode})
    swarm.settle()
    assert [task.name for task in swarm.tasks] == ["app.n.t1", "app.1.t2"]


# ---- history


def test_the_oldest_by_their_end_leave_the_history_first() -> None:
    swarm = one()
    for _ in range(4):
        restarted(swarm)
    ended = [task for task in swarm.tasks if not task.live]
    last = replace(ended[0].status, at=swarm.now)
    swarm.put(replace(ended[0], status=last))  # the first row, but ended last
    restarted(swarm)
    kept = {task.id for task in swarm.tasks}
    assert ended[0].id in kept
    assert ended[1].id not in kept


def test_a_negative_limit_keeps_all_history() -> None:
    swarm = one()
    swarm.put(Cluster("c", "n", {"Orchestration": {"TaskHistoryRetentionLimit": -1}}))
    for _ in range(8):
        restarted(swarm)
    assert len(swarm.tasks) == 9


def test_with_max_attempts_the_history_is_one_longer_than_they() -> None:
    policy = {"Condition": "any", "MaxAttempts": 2, "Delay": 0, "Window": SECOND}
    swarm = one(RestartPolicy=policy)
    for _ in range(6):
        restarted(swarm)
    assert len(swarm.tasks) == 3


# ---- restarts


def test_attempts_are_counted_anew_for_another_spec() -> None:
    policy = {"Condition": "any", "MaxAttempts": 1, "Delay": 0}
    swarm = one(RestartPolicy=policy)
    for tag in ("1", "2"):
        if tag == "2":
            template = {"RestartPolicy": policy, "ContainerSpec": {"Image": "app:2"}}
            config = {"Parallelism": 1, "FailureAction": "continue"}
            swarm.update(service_spec(replicas=1, template=template, UpdateConfig=config))
            swarm.agent()
        runs = 0
        while running := [task for task in swarm.live if task.status.state == RUNNING]:
            runs += 1
            swarm.observe(running[0], FAILED)
            swarm.step(1)
            swarm.agent()
        assert runs == 2


def test_a_policy_without_attempts_left_leaves_the_slot_empty_but_taken() -> None:
    swarm = one(RestartPolicy={"Condition": "none"})
    swarm.observe(swarm.tasks[0], FAILED)
    swarm.step(60)
    assert [(task.status.state, task.desired) for task in swarm.tasks] == [(FAILED, SHUTDOWN)]


# ---- placement


@pytest.mark.parametrize(
    ("constraint", "fits"),
    [
        ("node.id == n", True),
        ("NODE.ID==N", True),
        ("node.id != n", False),
        ("node.ip == 127.0.0.1", True),
        ("node.ip != 10.0.0.0/8", True),
        ("node.platform.os == linux", True),
        ("node.platform.arch == x86_64", True),
        ("node.platform.arch == amd64", False),
        ("engine.labels.rack == 7", True),
        ("engine.labels.rack != 7", False),
        ("node.labels.missing != x", True),
        ("no.such.key != x", False),
    ],
)
def test_keys_of_constraints(constraint: str, fits: bool) -> None:
    swarm = one(Placement={"Constraints": [constraint]})
    assert (swarm.tasks[0].status.state == RUNNING) is fits


def test_the_first_obstacle_in_swarms_order_is_told() -> None:
    def wants(*names: str) -> Raw:
        parts: dict[str, Raw] = {
            "resources": {"Resources": {"Reservations": {"NanoCPUs": 9_000_000_000}}},
            "plugins": {"LogDriver": {"Name": "splunk"}},
            "constraints": {"Placement": {"Constraints": ["node.role == worker"]}},
            "platform": {"Placement": {"Platforms": [{"Architecture": "arm64"}]}},
        }
        placement = {key: value for name in names for key, value in parts[name].get("Placement", {}).items()}
        rest = {key: value for name in names for key, value in parts[name].items() if key != "Placement"}
        return {**rest, **({"Placement": placement} if placement else {})}

    names = ("resources", "plugins", "constraints", "platform")
    found = []
    for first in range(len(names)):
        swarm = one(**wants(*names[first:]))
        found.append(swarm.tasks[0].status.err)
    assert found == [
        "no suitable node (insufficient resources on 1 node)",
        "no suitable node (missing plugin on 1 node)",
        "no suitable node (scheduling constraints not satisfied on 1 node)",
        "no suitable node (unsupported platform on 1 node)",
    ]
    swarm = one(**wants(*names))
    swarm.set_node("drain")
    swarm.settle()
    err = "no suitable node (1 node not available for new tasks)"
    assert swarm.tasks[0].status.err == err


def test_a_host_port_is_told_before_the_number_of_replicas() -> None:
    def waiting(**more: Raw) -> str:
        ports = {"Ports": [{"TargetPort": 80, "PublishedPort": 80, "PublishMode": "host"}]}
        swarm = Swarm(service_spec(EndpointSpec=ports, **more), description=DESCRIPTION, reserved=("tcp/80",))
        swarm.agent()
        return swarm.tasks[1].status.err

    err = "no suitable node (host-mode port already in use on 1 node)"
    assert waiting(template={"Placement": {"MaxReplicas": 1}}) == err
    swarm = Swarm(service_spec(template={"Placement": {"MaxReplicas": 1}}), description=DESCRIPTION)
    swarm.agent()
    assert swarm.tasks[1].status.err == "no suitable node (max replicas per node limit exceed)"


def test_preferences_change_nothing_on_one_node() -> None:
    preferences = [{"Spread": {"SpreadDescriptor": "node.labels.zone"}}]
    swarm = Swarm(service_spec(template={"Placement": {"Preferences": preferences}}))
    swarm.agent()
    assert [task.status.state for task in swarm.live] == [RUNNING, RUNNING]


def test_a_global_service_whose_new_constraint_the_node_does_not_meet_just_ends() -> None:
    spec = {**service_spec(), "Mode": {"Global": {}}}
    swarm = Swarm(spec)
    swarm.agent()
    placement = {"Constraints": ["node.labels.gpu == yes"]}
    swarm.update({**spec, "TaskTemplate": {**spec["TaskTemplate"], "Placement": placement}})
    swarm.agent()
    assert [(task.status.state, task.desired) for task in swarm.tasks] == [(SHUTDOWN, SHUTDOWN)]
    assert swarm.service.update is None
    swarm.set_node(gpu="yes")
    swarm.agent()
    assert [task.status.state for task in swarm.live] == [RUNNING]
    assert swarm.service.update is None


def test_reservations_are_given_back_by_what_has_ended() -> None:
    wants = {"Resources": {"Reservations": {"NanoCPUs": 1_500_000_000}}}
    swarm = Swarm(service_spec(template=wants), description=DESCRIPTION)
    swarm.agent()
    assert [task.status.state for task in swarm.tasks] == [RUNNING, TaskState.PENDING]
    once = {**wants, "RestartPolicy": {"Condition": "none"}}
    swarm.put(replace(swarm.service, spec=of_service(service_spec(template=once))))
    swarm.observe(swarm.tasks[0], COMPLETE)
    swarm.agent()
    assert [task.status.state for task in swarm.tasks] == [COMPLETE, RUNNING]


def test_tasks_of_one_service_share_a_port_in_ingress_mode() -> None:
    ports = {"Ports": [{"TargetPort": 80, "PublishedPort": 80, "PublishMode": "ingress"}]}
    swarm = Swarm(service_spec(replicas=3, EndpointSpec=ports), reserved=("tcp/80",))
    swarm.put(replace(swarm.service, endpoint=Endpoint(ports=(Port(80, 80),))))
    swarm.agent()
    assert [task.status.state for task in swarm.live] == [RUNNING] * 3


# ---- what a service leaves, and names


def test_of_a_removed_service_the_ended_are_told_to_go_too() -> None:
    swarm = one()
    restarted(swarm, REJECTED)
    swarm.delete(swarm.service)
    swarm.apply(reconcile(swarm.view, "s", swarm.now))
    told = [(task.status.state, task.desired) for task in swarm.tasks]
    assert told == [(REJECTED, REMOVE), (RUNNING, REMOVE)]


def test_a_service_without_networks_has_no_names() -> None:
    swarm = Swarm(service_spec(replicas=1))
    swarm.put(replace(swarm.service, endpoint=Endpoint()))
    swarm.agent()
    assert swarm.tasks[0].attachments == ()
    found = traffic(swarm.view)
    assert (found.names, found.services) == ((), ())


def test_aliases_are_those_of_the_network_entry_and_of_no_other_network() -> None:
    swarm = Swarm(service_spec(replicas=1, template={"Networks": [{"Target": "net", "Aliases": ["short"]}]}))
    swarm.agent()
    swarm.put(replace(swarm.tasks[0], attachments=(Attachment("net", "10.0.1.2"),)))
    names = {(name.network_id, name.name): name.addresses for name in traffic(swarm.view).names}
    assert names["net", "short"] == ("10.0.1.128",)
    assert names["net", "tasks.short"] == ("10.0.1.2",)
    assert {network for network, _ in names} == {"net"}
