"""Objects as Docker writes them, held against what a genuine Swarm answered."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skerry.api.wire import cluster, networks, services, tasks
from skerry.api.wire import configs_and_secrets as contents
from skerry.core.view import View
from skerry.model.objects import Attachment, Endpoint, Port, Raw, Service, UpdateStatus, VirtualIP
from skerry.model.states import TaskState
from skerry.model.times import timestamp
from tests.control.swarm_of_one import World, published, spec

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0001-01-01T00:00:00Z"),
        (1_795_448_018_723_664_994, "2026-11-23T15:33:38.723664994Z"),
        (1_795_448_018_250_000_000, "2026-11-23T15:33:38.25Z"),
        (1_795_448_018_000_000_000, "2026-11-23T15:33:38Z"),
    ],
)
def test_times(ns: int, text: str) -> None:
    assert timestamp(ns) == text


def test_a_minimal_service() -> None:
    world = World()
    found = services.service(world.view, world.service("s3"))
    assert found["Spec"] == {
        "Name": "s3",
        "Labels": {},
        "TaskTemplate": {
            "ContainerSpec": {"Image": "app:1", "Isolation": "default"},
            "ForceUpdate": 0,
            "Runtime": "container",
        },
        "Mode": {"Replicated": {"Replicas": 1}},
    }
    assert found["Endpoint"] == {"Spec": {}}
    assert set(found) == {"ID", "Version", "CreatedAt", "UpdatedAt", "Spec", "Endpoint"}


def test_inserted_defaults() -> None:
    world = World()
    service = world.service(task={"RestartPolicy": {"Condition": "none"}}, UpdateConfig={"Parallelism": 2})
    spec = services.service(world.view, service, insert_defaults=True)["Spec"]
    config = {"Parallelism": 1, "FailureAction": "pause", "Monitor": 5 * SECOND, "MaxFailureRatio": 0}
    assert spec["RollbackConfig"] == {**config, "Order": "stop-first"}
    assert spec["UpdateConfig"]["Monitor"] == 5 * SECOND
    assert spec["UpdateConfig"]["Parallelism"] == 2
    template = spec["TaskTemplate"]
    assert template["ContainerSpec"]["StopGracePeriod"] == 10 * SECOND
    assert (template["ContainerSpec"]["DNSConfig"], template["Resources"], template["Placement"]) == (
        {},
        {},
        {},
    )
    assert template["RestartPolicy"]["Condition"] == "none"
    assert template["RestartPolicy"]["Delay"] == 5 * SECOND


def ingress(world: World) -> str:
    """The ID of the network `ingress`."""
    return next(network.id for network in world.view.networks.values() if network.ingress)


def allocated(world: World, service: Service, *ports: Port) -> Raw:
    """The endpoint as the wire has it, of a service with a VIP on the network `net`."""
    key = ingress(world)
    vips = (VirtualIP(key, "10.0.0.130"),)
    return services.endpoint(world.view, replace(service, endpoint=Endpoint(ports=ports, vips=vips)))


def test_endpoints() -> None:
    world = World()
    key = ingress(world)
    vip = [{"NetworkID": key, "Addr": "10.0.0.130/24"}]
    http = {"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8090, "PublishMode": "ingress"}
    bare, spec = world.service("bare"), published(http)
    assert allocated(world, bare) == {"Spec": {}}  # nothing to be on ingress for
    exposed = world.service("exposed", EndpointSpec=spec)
    shown = allocated(world, exposed, Port(80, 8090))
    assert shown == {"Spec": spec, "Ports": [http], "VirtualIPs": vip}
    dnsrr = world.service("dnsrr", EndpointSpec={"Mode": "dnsrr"})
    assert allocated(world, dnsrr) == {"Spec": {}}
    unchosen = allocated(world, dnsrr, Port(80, 0, mode="host"))
    assert unchosen["Ports"] == [{"Protocol": "tcp", "TargetPort": 80, "PublishMode": "host"}]


def test_how_an_update_goes() -> None:
    world = World()
    status = UpdateStatus("rollback_completed", "rollback completed", SECOND, 2 * SECOND)
    first = world.service()
    second = world.update(first, spec(container={"Image": "app:2"}))
    found = services.service(world.view, replace(second, update=status))
    assert found["UpdateStatus"] == {
        "State": "rollback_completed",
        "StartedAt": "1970-01-01T00:00:01Z",
        "CompletedAt": "1970-01-01T00:00:02Z",
        "Message": "rollback completed",
    }
    assert found["PreviousSpec"] == services.service_spec(first.spec.raw)
    assert "PreviousSpec" not in services.service(world.view, world.service("new"))


def test_counts_of_tasks() -> None:
    world = World()
    service = world.service(Mode={"Replicated": {"Replicas": 3}})
    world.task(service)
    world.task(service, TaskState.FAILED)
    status = services.service(world.view, service, status=True)["ServiceStatus"]
    assert status == {"RunningTasks": 1, "DesiredTasks": 3, "CompletedTasks": 0}
    everywhere = world.service("all", Mode={"Global": {}})
    world.task(everywhere, TaskState.STARTING)
    status = services.service_status(world.view, everywhere)
    assert status == {"RunningTasks": 0, "DesiredTasks": 1, "CompletedTasks": 0}
    assert services.service_status(
        world.view, world.service("none", Mode={"Replicated": {"Replicas": 0}})
    ) == {
        "RunningTasks": 0,
        "DesiredTasks": 0,
        "CompletedTasks": 0,
    }


def test_a_running_task_with_a_port_and_a_network() -> None:
    world = World()
    net = world.network()
    port = {"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8081, "PublishMode": "host"}
    service = world.service(EndpointSpec=published(port), task={"Networks": [{"Target": "net"}]})
    task = world.task(service, attachments=(Attachment(net, "10.0.1.2"),))
    found = tasks.task(world.view, task, volumes=True)
    assert found["Status"]["PortStatus"] == {"Ports": [port]}
    assert found["Status"]["ContainerStatus"] == {"ContainerID": "", "PID": 0, "ExitCode": 0}
    assert found["DesiredState"] == "running"
    assert "Runtime" not in found["Spec"]
    assert found["Volumes"] is None
    place = found["NetworksAttachments"][0]
    assert place["Addresses"] == ["10.0.1.2/24"]
    assert place["Network"]["Spec"]["Name"] == "net"
    assert place["Network"]["Spec"]["DriverConfiguration"] == {"Name": "overlay"}
    assert place["Network"]["IPAMOptions"]["Configs"] == [{"Subnet": "10.0.1.0/24", "Gateway": "10.0.1.1"}]


def test_a_host_port_that_was_left_open_is_shown_by_the_tasks_alone() -> None:
    world = World()
    left_open = {"Protocol": "tcp", "TargetPort": 80, "PublishMode": "host"}
    fixed = {"Protocol": "tcp", "TargetPort": 81, "PublishedPort": 8081, "PublishMode": "host"}
    ingress = {"Protocol": "tcp", "TargetPort": 82, "PublishMode": "ingress"}
    service = world.service(EndpointSpec=published(left_open, fixed, ingress))
    shown = services.endpoint(world.view, service)["Ports"]
    assert shown[:2] == [left_open, fixed]
    assert shown[2].keys() == {*ingress, "PublishedPort"}
    own = world.task(service, ports=(Port(80, 32768, mode="host"),))
    status = tasks.task(world.view, own)["Status"]
    assert status["PortStatus"]["Ports"] == [{**left_open, "PublishedPort": 32768}, fixed]


def test_a_pending_task_has_neither_node_nor_container() -> None:
    world = World()
    task = world.task(world.service(), TaskState.PENDING)
    found = tasks.task(world.view, task)
    assert "NodeID" not in found
    assert "ContainerStatus" not in found["Status"]
    assert found["Status"]["PortStatus"] == {}


def test_the_node_leads() -> None:
    world = World()
    assert world.view.node is not None
    found = cluster.node(world.view, world.view.node)
    assert found["ManagerStatus"] == {"Leader": True, "Reachability": "reachable", "Addr": "127.0.0.1:2377"}
    assert found["Status"] == {"State": "ready", "Addr": "127.0.0.1"}
    assert found["Description"]["TLSInfo"]["CertIssuerSubject"] == "MBMxETAPBgNVBAMTCHN3YXJtLWNh"
    assert found["Spec"] == {"Labels": {}, "Role": "manager", "Availability": "active"}


def test_the_part_in_the_swarm() -> None:
    assert cluster.local_info(View()) == {
        "NodeID": "",
        "NodeAddr": "",
        "LocalNodeState": "inactive",
        "ControlAvailable": False,
        "Error": "",
        "RemoteManagers": None,
    }
    world = World()
    found = cluster.local_info(world.view)
    assert (found["LocalNodeState"], found["Nodes"], found["Managers"]) == ("active", 1, 1)
    assert found["RemoteManagers"] == [{"NodeID": world.node_id, "Addr": "127.0.0.1:2377"}]
    assert "JoinTokens" not in found["Cluster"]


def test_contents() -> None:
    world = World()
    config, secret = world.view.configs, world.view.secrets
    assert not config
    assert not secret
    key, other = world.config(), world.secret()
    assert contents.config(world.view.configs[key])["Spec"] == {
        "Name": "conf",
        "Labels": {},
        "Data": "YQ==",
    }
    assert contents.secret(world.view.secrets[other])["Spec"] == {"Name": "word", "Labels": {}}


def test_networks_in_a_list_and_alone() -> None:
    world = World()
    key = world.network(Attachable=True)
    network = world.view.networks[key]
    listed = networks.network(network)
    assert listed == {
        "Name": "net",
        "Id": network.id,
        "Created": timestamp(network.created_at),
        "Scope": "swarm",
        "Driver": "overlay",
        "EnableIPv6": False,
        "IPAM": {
            "Driver": "default",
            "Options": None,
            "Config": [{"Subnet": "10.0.1.0/24", "Gateway": "10.0.1.1"}],
        },
        "Internal": False,
        "Attachable": True,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": None,
        "Options": networks.driver_options(network),
        "Labels": None,
    }
    alone = networks.network(network, containers={}, ipv4=True)
    assert (alone["Containers"], alone["Labels"], alone["EnableIPv4"]) == ({}, {}, True)


def test_who_answers_on_a_network() -> None:
    world = World()
    net = world.network()
    service = world.service(EndpointSpec={"Mode": "dnsrr"}, task={"Networks": [{"Target": "net"}]})
    task = world.task(service, attachments=(Attachment(net, "10.0.1.2"),))
    containers = {"c1": {"Name": task.name, "EndpointID": "e1"}}
    assert networks.verbose_services(world.view, world.view.networks[net], containers) == {
        "app": {
            "VIP": "<nil>",
            "Ports": [],
            "LocalLBIndex": 0,
            "Tasks": [
                {
                    "Name": task.name,
                    "EndpointID": "e1",
                    "EndpointIP": "10.0.1.2",
                    "Info": {"Host IP": "127.0.0.1"},
                }
            ],
        }
    }
