"""What a service and its tasks are called, and as whom a task asks."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skerry.core.allocate import endpoint
from skerry.core.derive import traffic
from skerry.model.labels import STACK
from skerry.model.objects import Attachment, Network, Raw
from skerry.model.traffic import Name
from tests.core.world import RUNNING, STARTING, Swarm, service_spec

CONTAINER = "c0ffee" * 10
BLUE = {"Labels": {STACK: "blue"}}
NETWORKS = {
    "n1": Network("n1", "zebra", {}, "10.0.1.0/24", "10.0.1.1", "10.0.1.254"),
    "n2": Network("n2", "blue_back", {"Labels": {STACK: "blue"}}, "10.0.2.0/24", "10.0.2.1", "10.0.2.254"),
    "n3": Network("n3", "attic", {}, "10.0.3.0/24", "10.0.3.1", "10.0.3.254", internal=True),
    "n4": Network("n4", "Ingress", {}, "10.0.4.0/24", "10.0.4.1", "10.0.4.254", ingress=True),
}


def swarm(*networks: str, hostname: str = "", state: Any = RUNNING, **more: Raw) -> Swarm:
    """One task, at `.5` of each of these networks, with the alias `Web` on each."""
    container = {"Image": "app:1", "Hostname": hostname}
    targets = [{"Target": key, "Aliases": ["Web", "app"]} for key in networks]
    made = Swarm(service_spec(replicas=1, template={"ContainerSpec": container, "Networks": targets}, **more))
    for network in NETWORKS.values():
        made.put(network)
    made.put(replace(made.service, endpoint=endpoint(made.view, made.service)))
    made.settle()
    task = made.tasks[0]
    places = tuple(Attachment(key, f"10.0.{key[1]}.5") for key in networks)
    made.put(replace(task, attachments=places, status=replace(task.status, container_id=CONTAINER)))
    made.observe(task, state)
    return made


def ranked(names: tuple[Name, ...]) -> dict[str, int]:
    return {name.name: name.rank for name in names}


@pytest.mark.case("N1")
@pytest.mark.parametrize(
    ("hostname", "own"),
    [
        ("", "c0ffeec0ffee"),
        ("Web", "web"),
        ("{{.Service.Name}}", "app"),
        ("{{.Service.Name}}-{{.Task.Slot}}", "app-1"),
        ("{{.Node.Hostname}}", "host"),
        ("{{.Nothing", "c0ffeec0ffee"),
    ],
)
def test_services_go_before_tasks_and_these_before_hostnames(hostname: str, own: str) -> None:
    made = swarm("n1", hostname=hostname)
    state = traffic(made.view)
    task = made.tasks[0].name.lower()
    ranks = {name: {row.rank for row in state.names if row.name == name} for name in ranked(state.names)}
    services = {name: {0} for name in ("app", "web", "tasks.app", "tasks.web")}
    expected = {**services, task: {1}, "c0ffeec0ffee": {2}}
    expected[own] = {*expected.get(own, ()), 2}
    assert ranks == expected
    assert {client.hostname for client in state.clients} == {own}
    first = next(row for row in state.names if row.rank == 1)
    assert (first.name, first.addresses) == (task, ("10.0.1.5",))


@pytest.mark.case("N4")
@pytest.mark.parametrize(("state", "ready"), [(STARTING, False), (RUNNING, True)])
@pytest.mark.parametrize("mode", ["vip", "dnsrr"])
def test_a_name_knows_whether_somebody_serves(state: Any, ready: bool, mode: str) -> None:
    made = swarm("n1", state=state, EndpointSpec={"Mode": mode})
    rows = {row.name: row for row in traffic(made.view).names}
    assert {rows[name].ready for name in ("app", "web", "tasks.app", "tasks.web")} == {ready}
    assert bool(rows["app"].addresses) == (ready or mode == "vip")


@pytest.mark.case("N7")
def test_a_task_looks_through_its_networks_by_name_internal_ones_later_and_ingress_last() -> None:
    clients = traffic(swarm("n1", "n2", "n3", "n4").view).clients
    assert {client.network_ids for client in clients} == {("n2", "n1", "n3", "n4")}
    assert {client.addresses for client in clients} == {("10.0.2.5", "10.0.1.5", "10.0.3.5")}
    assert [client.address for client in clients] == [*clients[0].addresses, "10.0.4.5"]


@pytest.mark.case("N7")
def test_nobody_has_a_name_on_ingress() -> None:
    state = traffic(swarm("n4", hostname="web").view)
    assert (state.names, [client.addresses for client in state.clients]) == ((), [()])


@pytest.mark.case("N5")
def test_a_network_goes_by_its_name_and_by_that_of_the_compose_file() -> None:
    segments = traffic(swarm("n1").view).segments
    assert {segment.network_id: segment.names for segment in segments if segment.network_id in NETWORKS} == {
        "n1": ("zebra",),
        "n2": ("blue_back", "back"),
        "n3": ("attic",),
        "n4": ("Ingress",),
    }


@pytest.mark.case("N4")
def test_the_stack_is_known_of_names_and_of_who_asks() -> None:
    state = traffic(swarm("n1", Labels={STACK: "blue"}).view)
    assert {row.stack for row in state.names} == {client.stack for client in state.clients} == {"blue"}
    assert {row.stack for row in traffic(swarm("n1").view).names} == {""}


@pytest.mark.case("N7")
def test_a_task_has_on_each_network_its_address_there() -> None:
    state = traffic(swarm("n1", "n2").view)
    assert {(row.network_id, row.addresses) for row in state.names if row.name == "tasks.app"} == {
        ("n1", ("10.0.1.5",)),
        ("n2", ("10.0.2.5",)),
    }
