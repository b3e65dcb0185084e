"""Each task's own numbers for ports of host mode that the spec leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest
from msgspec.structs import replace

from skerry.core.derive import traffic
from skerry.model.defaults import HOST_PORT_RANGE
from skerry.model.objects import Attachment, Endpoint, Port, Raw, Service, Task, TaskStatus
from tests.core.world import RUNNING, Swarm, service_spec
from tests.support.specs import of_service, of_task

pytestmark = pytest.mark.case("N16")

STARTED = TaskStatus(RUNNING, 0, "started")
FIRST = HOST_PORT_RANGE.start


def open_port(**more: object) -> Raw:
    return {"TargetPort": 8080, "Protocol": "tcp", "PublishMode": "host", **more}


def swarm_of(*ports: Raw, replicas: int = 3) -> Swarm:
    spec = service_spec(
        replicas=replicas, template={"Networks": [{"Target": "net"}]}, EndpointSpec={"Ports": list(ports)}
    )
    return Swarm(spec)


def reserve(swarm: Swarm, refused: Mapping[str, str] = MappingProxyType({})) -> None:
    """The gate's part: it holds what the traffic asks for, but for what is refused."""
    keys = {port.key for port in traffic(swarm.view).ports}
    errors = {key: why for key, why in refused.items() if key in keys}
    swarm.put(replace(swarm.node, reserved=tuple(sorted(keys - errors.keys())), ports_err=errors))


def numbers(swarm: Swarm) -> list[list[int]]:
    return [[port.published for port in task.ports] for task in swarm.live]


def test_each_task_has_its_own_number_and_is_placed_when_the_gate_holds_it() -> None:
    swarm = swarm_of(open_port())
    swarm.settle()
    assert numbers(swarm) == [[FIRST], [FIRST + 1], [FIRST + 2]]
    assert {task.status.state.word for task in swarm.live} == {"pending"}
    reserve(swarm)
    swarm.settle()
    assert {task.status.state.word for task in swarm.live} == {"assigned"}


def test_a_number_leads_to_its_own_task_alone() -> None:
    swarm = swarm_of(open_port())
    swarm.settle()
    reserve(swarm)
    swarm.settle()
    for place, task in enumerate(swarm.live):
        swarm.put(replace(task, attachments=(Attachment("net", f"10.0.1.{place + 2}"),)))
        swarm.observe(task, RUNNING)
    shown = {port.port: [one.address for one in port.backends] for port in traffic(swarm.view).ports}
    assert shown == {FIRST + place: [f"10.0.1.{place + 2}"] for place in range(3)}
    assert {port.vip for port in traffic(swarm.view).ports} == {""}


def test_protocols_have_numbers_of_their_own() -> None:
    swarm = swarm_of(open_port(), open_port(Protocol="udp"), open_port(TargetPort=81), replicas=1)
    swarm.settle()
    assert numbers(swarm) == [[FIRST, FIRST, FIRST + 1]]


def test_a_refused_number_is_given_up_for_the_next() -> None:
    swarm = swarm_of(open_port(), replicas=1)
    swarm.settle()
    refused = dict.fromkeys((f"tcp/{FIRST}", f"tcp/{FIRST + 1}"), "address already in use")
    for _ in range(2):
        reserve(swarm, refused)
        swarm.settle()
    assert numbers(swarm) == [[FIRST + 2]]
    reserve(swarm)
    swarm.settle()
    assert swarm.live[0].status.state.word == "assigned"


def test_numbers_of_others_are_passed_over() -> None:
    swarm = swarm_of(open_port(), replicas=1)
    fixed = Endpoint(ports=(Port(80, FIRST),))
    swarm.put(Service("o", "other", of_service(service_spec()), endpoint=fixed))
    neighbour = Task(
        "x",
        "o",
        "other",
        "n",
        of_task({}),
        None,
        1,
        RUNNING,
        STARTED,
        ports=(Port(80, FIRST + 1, mode="host"),),
    )
    swarm.put(neighbour)
    swarm.settle()
    assert numbers(swarm) == [[FIRST + 2]]


def test_a_number_is_free_again_when_its_task_has_ended() -> None:
    swarm = swarm_of(open_port(), replicas=1)
    swarm.settle()
    assert swarm.view.index.own_ports
    swarm.observe(swarm.tasks[0], swarm.tasks[0].status.state.FAILED)
    assert not swarm.view.index.own_ports


def test_a_fixed_number_that_a_task_has_is_waited_for() -> None:
    swarm = swarm_of(open_port(PublishedPort=FIRST), replicas=1)
    swarm.put(Service("o", "other", of_service(service_spec())))
    owner = Task(
        "x", "o", "other", "n", of_task({}), None, 1, RUNNING, STARTED, ports=(Port(80, FIRST, mode="host"),)
    )
    swarm.put(owner)
    swarm.put(replace(swarm.node, reserved=(f"tcp/{FIRST}",)))
    swarm.settle()
    assert swarm.live[0].status.err == "no suitable node (host-mode port already in use on 1 node)"


def test_tasks_from_before_that_run_get_their_numbers_without_a_new_start() -> None:
    swarm = swarm_of(open_port(), replicas=1)
    swarm.settle()
    (task,) = swarm.live
    swarm.put(replace(task, ports=(), attachments=(Attachment("net", "10.0.1.2"),)))
    swarm.observe(task, RUNNING)
    swarm.settle()
    assert (numbers(swarm), swarm.live[0].id) == ([[FIRST]], task.id)


def test_where_no_number_is_left_the_task_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.core.hostports.HOST_PORT_RANGE", range(FIRST, FIRST + 1))
    swarm = swarm_of(open_port(), replicas=2)
    swarm.settle()
    assert numbers(swarm) == [[FIRST], [0]]
    assert swarm.live[1].status.err == "no suitable node (host-mode port already in use on 1 node)"
