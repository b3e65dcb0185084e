"""From a task to the body of the create call."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skerry.agent.container import Blueprint, blueprint
from skerry.core.view import View
from skerry.model.errors import SkerryError
from skerry.model.objects import Attachment, Cluster, Network, Raw, Task
from skerry.model.states import TaskState
from tests.agent.stage import NETWORK, NODE, new_task
from tests.support.specs import of_task

BACK = Network("b" * 25, "back", {"Name": "back"}, "10.0.2.0/24", "10.0.2.1", "10.0.2.254")
HOST = Network("h" * 25, "host", {"Name": "host", "Driver": "host"})


def made(spec: Raw, task: Task | None = None, files: list[Raw] | None = None, **template: Any) -> Blueprint:
    row = task or new_task("t1", TaskState.RUNNING, {})
    row = replace(row, spec=of_task({"ContainerSpec": {"Image": "box:1", **spec}, **template}))
    networks = {one.id: one for one in (NETWORK, BACK, HOST)}
    cluster = Cluster("c", NODE.id, {"TaskDefaults": {"LogDriver": {"Name": "journald"}}})
    view = View(nodes={NODE.id: NODE}, networks=networks, clusters={"c": cluster})
    return blueprint(row, view, files or [])


def on(*networks: str) -> Task:
    task = new_task("t1", TaskState.RUNNING, {})
    return replace(task, attachments=tuple(Attachment(key) for key in networks))


def test_the_smallest_task() -> None:
    assert made({}).body == {
        "Image": "box:1",
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": {
            "com.docker.swarm.task": "",
            "com.docker.swarm.task.id": "t1",
            "com.docker.swarm.task.name": "web.1.t1",
            "com.docker.swarm.node.id": NODE.id,
            "com.docker.swarm.service.id": "service1",
            "com.docker.swarm.service.name": "web",
        },
        "Tty": False,
        "OpenStdin": False,
        "HostConfig": {
            "ReadonlyRootfs": False,
            "OomScoreAdj": 0,
            "LogConfig": {"Type": "journald", "Config": {}},
            "Dns": [NETWORK.leg],
            "NetworkMode": NETWORK.engine_name,
        },
        "NetworkingConfig": {"EndpointsConfig": {NETWORK.engine_name: {}}},
    }


def test_the_process_and_its_surroundings() -> None:
    body = made(
        {
            "Command": ["/entry"],
            "Args": ["a", "b"],
            "Env": ["TASK={{.Task.ID}}", "PLAIN=1"],
            "Hostname": "{{.Service.Name}}-{{.Task.Slot}}",
            "Dir": "/srv",
            "User": "app",
            "TTY": True,
            "StopSignal": "SIGQUIT",
            "Labels": {"mine": "1", "com.docker.swarm.task.id": "no"},
            "Healthcheck": {"Test": ["CMD", "true"]},
        }
    ).body
    assert (body["Entrypoint"], body["Cmd"]) == (["/entry"], ["a", "b"])
    assert body["Env"] == ["TASK=t1", "PLAIN=1"]
    assert (body["Hostname"], body["WorkingDir"], body["User"]) == ("web-1", "/srv", "app")
    assert (body["Tty"], body["StopSignal"]) == (True, "SIGQUIT")
    assert (body["Labels"]["mine"], body["Labels"]["com.docker.swarm.task.id"]) == ("1", "t1")
    assert body["Healthcheck"] == {"Test": ["NONE"]}


def test_limits_reach_the_container_and_reservations_do_not() -> None:
    resources = {
        "Limits": {"NanoCPUs": 5, "MemoryBytes": 1000, "Pids": 7},
        "Reservations": {"MemoryBytes": 500},
        "SwapBytes": 24,
        "MemorySwappiness": 0,
    }
    host = made({}, Resources=resources).body["HostConfig"]
    assert (host["NanoCpus"], host["Memory"], host["PidsLimit"], host["MemorySwap"]) == (5, 1000, 7, 1024)
    assert "MemoryReservation" not in host
    assert made({}, Resources={"SwapBytes": -1}).body["HostConfig"]["MemorySwap"] == -1


def test_a_swappiness_of_zero_is_meant() -> None:
    assert made({}, Resources={"MemorySwappiness": 0}).body["HostConfig"]["MemorySwappiness"] == 0


def test_the_rest_of_the_host_config() -> None:
    host = made(
        {
            "Groups": ["staff"],
            "ReadOnly": True,
            "Init": False,
            "Sysctls": {"net.core.somaxconn": "9"},
            "CapabilityAdd": ["CAP_NET_RAW"],
            "CapabilityDrop": ["ALL"],
            "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}],
            "OomScoreAdj": -5,
            "Hosts": ["10.0.0.9 db database", "nonsense"],
            "Privileges": {
                "NoNewPrivileges": True,
                "SELinuxContext": {"Disable": True, "User": "u"},
                "AppArmor": {"Mode": "disabled"},
                "Seccomp": {"Mode": "custom", "Profile": "e30="},
            },
        },
        LogDriver={"Name": "json-file", "Options": {"max-size": "1m"}},
    ).body["HostConfig"]
    assert (host["GroupAdd"], host["ReadonlyRootfs"], host["Init"]) == (["staff"], True, False)
    assert (host["CapAdd"], host["CapDrop"], host["OomScoreAdj"]) == (["CAP_NET_RAW"], ["ALL"], -5)
    assert host["ExtraHosts"] == ["db:10.0.0.9"]
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "1m"}}
    assert host["SecurityOpt"] == [
        "label=disable",
        "label=user:u",
        "seccomp={}",
        "apparmor=unconfined",
        "no-new-privileges=true",
    ]
    assert "RestartPolicy" not in host


def test_networks_are_joined_in_order_the_first_at_create() -> None:
    plan = made({}, on(BACK.id, NETWORK.id), Networks=[{"Target": BACK.id, "DriverOpts": {"k": "v"}}])
    assert plan.body["NetworkingConfig"]["EndpointsConfig"] == {BACK.engine_name: {"DriverOpts": {"k": "v"}}}
    assert plan.further == ((NETWORK.engine_name, {}),)
    assert plan.body["HostConfig"]["NetworkMode"] == BACK.engine_name
    assert plan.body["HostConfig"]["Dns"] == [BACK.leg, NETWORK.leg]


def test_a_services_own_servers_are_the_gates_upstreams_and_never_the_containers() -> None:
    dns = {"DNSConfig": {"Nameservers": ["9.9.9.9"], "Search": ["x.org"], "Options": ["ndots:2"]}}
    host = made(dns).body["HostConfig"]
    assert (host["Dns"], host["DnsSearch"], host["DnsOptions"]) == ([NETWORK.leg], ["x.org"], ["ndots:2"])
    assert made(dns, on()).body["HostConfig"]["Dns"] == ["9.9.9.9"]


def test_without_a_network_it_is_the_engines_default() -> None:
    body = made({}, on()).body
    assert "NetworkingConfig" not in body
    assert "NetworkMode" not in body["HostConfig"]


@pytest.mark.case("F17")
@pytest.mark.parametrize("networks", [(HOST.id, BACK.id), (BACK.id, HOST.id), (NETWORK.id, HOST.id, BACK.id)])
def test_the_hosts_network_and_another_exclude_each_other(networks: tuple[str, ...]) -> None:
    words = "container cannot be disconnected from host network or connected to host network"
    with pytest.raises(SkerryError, match=words):
        made({}, on(*networks))


@pytest.mark.case("N15")
def test_an_overlay_network_of_a_configuration_network_rejects_its_tasks() -> None:
    spec = {"Name": "front", "Driver": "overlay", "ConfigFrom": {"Network": "c"}}
    network = replace(NETWORK, spec=spec)
    view = View(nodes={NODE.id: NODE}, networks={network.id: network})
    task = replace(on(network.id), spec=of_task({"ContainerSpec": {"Image": "box:1"}}))
    with pytest.raises(SkerryError, match="can't be made from a configuration network"):
        blueprint(task, view, [])


def test_the_hosts_own_network() -> None:
    body = made({}, on(HOST.id)).body
    assert body["HostConfig"]["NetworkMode"] == "host"
    assert "NetworkingConfig" not in body
    assert "Dns" not in body["HostConfig"]


def test_mounts_go_through_and_files_are_added() -> None:
    mounts: list[Raw] = [
        {"Type": "bind", "Source": "/a", "Target": "/b", "Consistency": "default"},
        {
            "Type": "volume",
            "Source": "v-{{.Task.Slot}}",
            "Target": "/v",
            "VolumeOptions": {"Labels": {"l": "1"}, "DriverConfig": {"Name": "local", "Options": {"o": "x"}}},
        },
    ]
    file = {"Type": "bind", "Source": "/run/x", "Target": "/run/secrets/s", "ReadOnly": True}
    plan = made({"Mounts": mounts}, files=[file])
    given = plan.body["HostConfig"]["Mounts"]
    assert given[0] == {"Type": "bind", "Source": "/a", "Target": "/b"}
    assert given[1]["Source"] == "v-1"
    assert given[2] == file
    assert plan.volumes == (
        {"Name": "v-1", "Driver": "local", "DriverOpts": {"o": "x"}, "Labels": {"l": "1"}},
    )


def test_labels_say_what_a_service_cannot() -> None:
    labels = {
        "skerry.privileged": "true",
        "skerry.shm-size": "64m",
        "skerry.domainname": "example.org",
        "skerry.security-opt": "apparmor=unconfined",
        "skerry.gpus": "1",
        "skerry.devices.cdi": "a.com/b=c",
        "skerry.memory.swap": "-1",
        "skerry.oom.score-adj": "-5",
    }
    body = made({"Labels": labels, "Privileges": {"NoNewPrivileges": True}}).body
    host = body["HostConfig"]
    assert (host["Privileged"], host["ShmSize"], body["Domainname"]) == (True, 64 << 20, "example.org")
    assert host["SecurityOpt"] == ["no-new-privileges=true", "apparmor=unconfined"]
    assert [request.get("Driver", "") for request in host["DeviceRequests"]] == ["cdi", ""]
    assert (host["MemorySwap"], host["OomScoreAdj"]) == (-1, -5)
    assert body["Labels"]["skerry.privileged"] == "true"


def test_a_label_from_before_it_was_known_is_as_if_absent() -> None:
    assert "ShmSize" not in made({"Labels": {"skerry.shm-size": "as ever"}}).body["HostConfig"]
