"""Where a task may run, and what it waits for."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skerry.core.derive import traffic
from skerry.core.reconcile import reconcile
from skerry.model.objects import Endpoint, Network, Node, Port
from tests.core.world import (
    Swarm,
    image,
    service_spec,
)


def test_a_published_port_waits_for_its_reservation() -> None:
    spec = service_spec(replicas=1, EndpointSpec={"Ports": [{"TargetPort": 80, "PublishedPort": 80}]})
    swarm = Swarm(spec)
    swarm.put(replace(swarm.service, endpoint=Endpoint(ports=(Port(80, 80),))))
    swarm.settle()
    assert (swarm.tasks[0].status.state.word, swarm.tasks[0].status.err) == ("pending", "")
    swarm.put(replace(swarm.view.nodes["n"], ports_err={"tcp/80": "address already in use"}))
    swarm.settle()
    assert "host-mode port already in use on 1 node" in swarm.tasks[0].status.err
    swarm.put(replace(swarm.view.nodes["n"], ports_err={}, reserved=("tcp/80",)))
    swarm.settle()
    assert swarm.tasks[0].status.state.word == "assigned"
    assert swarm.tasks[0].status.err == ""


def test_two_slots_cannot_share_a_host_port_but_a_successor_may_overlap() -> None:
    ports = {"Ports": [{"TargetPort": 80, "PublishedPort": 80, "PublishMode": "host"}]}
    order = {"Parallelism": 1, "Order": "start-first"}
    swarm = Swarm(service_spec(EndpointSpec=ports), reserved=("tcp/80",))
    swarm.put(replace(swarm.service, endpoint=Endpoint(ports=(Port(80, 80, mode="host"),))))
    swarm.agent()
    words = [task.status.err for task in swarm.tasks]
    assert words == ["", "no suitable node (host-mode port already in use on 1 node)"]
    swarm.update(service_spec(replicas=1, EndpointSpec=ports))
    swarm.agent()
    swarm.update(image("2", replicas=1, EndpointSpec=ports, UpdateConfig=order))
    swarm.settle()
    assert [task.status.state.word for task in swarm.live] == ["running", "assigned"]


@pytest.mark.case("BAD")
@pytest.mark.parametrize(
    ("port", "words"),
    [
        (Port(0, 80), "tcp/80: target port 0 is not between 1 and 65535"),
        (Port(2**31, 80, "udp"), "udp/80: target port 2147483648 is not between 1 and 65535"),
        (Port(80, 70000), "tcp/70000: published port 70000 is not between 1 and 65535"),
        (Port(80, 2**32 - 1, mode="host"), "tcp/4294967295: published port 4294967295 is not between"),
    ],
)
def test_a_task_says_that_no_port_has_such_a_number(port: Port, words: str) -> None:
    """A swarm takes any number; here nobody may be reached by it, and nothing is made of it."""
    swarm = Swarm(service_spec(replicas=1), reserved=("tcp/80", "udp/80"))
    swarm.put(replace(swarm.service, endpoint=replace(swarm.service.endpoint, ports=(port,))))
    plan = swarm.settle()
    assert words in swarm.tasks[0].status.err
    assert words in plan.note.text
    assert traffic(swarm.view).ports == ()


def test_a_port_cannot_be_published_on_the_machines_own_network() -> None:
    ports = {"Ports": [{"TargetPort": 80, "PublishedPort": 80}]}
    host = Network("h", "host", {"Driver": "host"})
    spec = service_spec(replicas=1, template={"Networks": [{"Target": "h"}]}, EndpointSpec=ports)
    swarm = Swarm(spec, reserved=("tcp/80",))
    swarm.put(host)
    swarm.settle()
    sentence = "no suitable node (on the network host a service has its ports without publishing them)"
    assert swarm.tasks[0].status.err == sentence
    swarm.update(service_spec(replicas=1, template={"Networks": [{"Target": "h"}]}))
    swarm.settle()
    assert swarm.live[-1].status.state.word == "assigned"


@pytest.mark.parametrize(
    ("constraint", "fits"),
    [
        ("node.role == manager", True),
        ("node.role==worker", False),
        ("node.role != worker", True),
        ("node.hostname == HOST", True),
        ("node.labels.disk == ssd", True),
        ("node.labels.gpu == ", True),
        ("node.ip == 127.0.0.0/8", True),
        ("no.such.key == x", False),
    ],
)
def test_constraints(constraint: str, fits: bool) -> None:
    swarm = Swarm(service_spec(replicas=1, template={"Placement": {"Constraints": [constraint]}}))
    node = swarm.view.nodes["n"]
    swarm.put(Node("n", node.hostname, {**node.spec, "Labels": {"disk": "ssd"}}))
    swarm.settle()
    assert (swarm.tasks[0].status.err == "") == fits


def test_what_would_be_up_to_date_with_a_place_gets_none_before_its_turn_in_the_update() -> None:
    one_by_one = {"Parallelism": 1, "Order": "stop-first"}
    swarm = Swarm(image("1"))
    swarm.set_node("pause")
    swarm.settle()
    swarm.update(image("2", UpdateConfig={"Parallelism": 2}))
    swarm.settle()
    placed = {
        "ContainerSpec": {"Image": "app:2"},
        "Placement": {"Constraints": ["node.role==manager"]},
    }
    swarm.update(service_spec(template=placed, UpdateConfig=one_by_one))
    swarm.settle()
    swarm.set_node("active")
    swarm.apply(reconcile(swarm.view, "s", swarm.now))
    assert sorted(task.status.state.word for task in swarm.live) == ["assigned", "pending"]
    assert reconcile(swarm.view, "s", swarm.now).empty
    swarm.agent()
    swarm.step(60)
    assert {task.status.state.word for task in swarm.live} == {"running"}
    assert {task.spec_version for task in swarm.live} == {swarm.service.spec_version}
