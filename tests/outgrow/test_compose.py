"""Specs to compose files: each field to its place, and what has none is said."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.cli.outgrow.compose import Exported, export
from skerry.cli.outgrow.compose_fields import duration
from skerry.cli.outgrow.snapshot import Snapshot
from skerry.model.objects import Raw
from tests.outgrow.stack import STACK, network, service

S = 1_000_000_000


def exported(found: Raw | None = None, **more: Any) -> Exported:
    """The export of a stack with one service."""
    one = found or service()
    networks = {"shop_default": network("shop_default")}
    return export("shop", Snapshot({one["Spec"]["Name"]: one}, **{"networks": networks, **more}))


def app(**parts: Any) -> Raw:
    """The service of a stack as the file has it, of which nothing may be lost."""
    result = exported(service(**parts))
    assert result.losses == []
    found: Raw = result.file["services"]["app"]
    return found


def test_a_plain_service() -> None:
    result = exported()
    assert result.file == {
        "version": "3.9",
        "services": {"app": {"image": "app:1", "networks": {"default": {}}, "deploy": {"replicas": 2}}},
        "networks": {"default": {}},
    }
    assert result.losses == []
    assert result.needed() == []


@pytest.mark.parametrize(
    ("container", "key", "value"),
    [
        ({"Command": ["/run"]}, "entrypoint", ["/run"]),
        ({"Args": ["a", "b"]}, "command", ["a", "b"]),
        ({"Hostname": "h-{{.Task.Slot}}"}, "hostname", "h-{{.Task.Slot}}"),
        ({"Env": ["A=1", "B=$x"]}, "environment", ["A=1", "B=$$x"]),
        ({"Dir": "/w"}, "working_dir", "/w"),
        ({"User": "1000:1000"}, "user", "1000:1000"),
        ({"StopSignal": "SIGINT"}, "stop_signal", "SIGINT"),
        ({"StopGracePeriod": 90 * S}, "stop_grace_period", "90s"),
        ({"StopGracePeriod": 0}, "stop_grace_period", "0s"),
        ({"TTY": True}, "tty", True),
        ({"OpenStdin": True}, "stdin_open", True),
        ({"ReadOnly": True}, "read_only", True),
        ({"Init": False}, "init", False),
        ({"Sysctls": {"net.core.somaxconn": "1024"}}, "sysctls", {"net.core.somaxconn": "1024"}),
        ({"CapabilityAdd": ["CAP_NET_ADMIN"]}, "cap_add", ["CAP_NET_ADMIN"]),
        ({"CapabilityDrop": ["ALL"]}, "cap_drop", ["ALL"]),
        (
            {"Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}]},
            "ulimits",
            {"nofile": {"soft": 1, "hard": 2}},
        ),
        ({"Hosts": ["1.2.3.4 db db2", "::1 six"]}, "extra_hosts", ["db:1.2.3.4", "db2:1.2.3.4", "six:::1"]),
        ({"DNSConfig": {"Nameservers": ["9.9.9.9"]}}, "dns", ["9.9.9.9"]),
        ({"DNSConfig": {"Search": ["lan"]}}, "dns_search", ["lan"]),
        ({"Healthcheck": {"Test": ["NONE"]}}, "healthcheck", {"disable": True}),
        (
            {
                "Healthcheck": {
                    "Test": ["CMD", "x"],
                    "Interval": 2 * S,
                    "Timeout": S,
                    "Retries": 4,
                    "StartPeriod": S // 2,
                }
            },
            "healthcheck",
            {"test": ["CMD", "x"], "interval": "2s", "timeout": "1s", "start_period": "500ms", "retries": 4},
        ),
        ({"Labels": {**STACK, "own": "1"}}, "labels", {"own": "1"}),
        (
            {"Privileges": {"CredentialSpec": None, "SELinuxContext": None, "NoNewPrivileges": False}},
            "image",
            "app:1",
        ),
        (
            {"Mounts": [{"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": True}]},
            "volumes",
            [{"type": "bind", "target": "/b", "source": "/a", "read_only": True}],
        ),
        (
            {"Mounts": [{"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 1024}}]},
            "volumes",
            [{"type": "tmpfs", "target": "/t", "tmpfs": {"size": 1024}}],
        ),
        (
            {
                "Secrets": [
                    {
                        "SecretID": "x",
                        "SecretName": "shop_pw",
                        "File": {"Name": "pw", "UID": "1", "GID": "2", "Mode": 256},
                    }
                ]
            },
            "secrets",
            [{"source": "pw", "target": "pw", "uid": "1", "gid": "2", "mode": 256}],
        ),
    ],
)
def test_fields_of_the_container(container: Raw, key: str, value: Any) -> None:
    assert app(container=container)[key] == value


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ({"Mode": {"Global": {}}}, {"mode": "global"}),
        ({"Mode": {"GlobalJob": {}}}, {"mode": "global-job"}),
        (
            {"Mode": {"ReplicatedJob": {"MaxConcurrent": 3, "TotalCompletions": 3}}},
            {"mode": "replicated-job", "replicas": 3},
        ),
        ({"Mode": {"Replicated": {"Replicas": 0}}}, {"replicas": 0}),
        ({"EndpointSpec": {"Mode": "dnsrr"}}, {"replicas": 2, "endpoint_mode": "dnsrr"}),
        ({"labels": {"a": "$1"}}, {"replicas": 2, "labels": {"a": "$$1"}}),
        (
            {
                "UpdateConfig": {
                    "Parallelism": 0,
                    "Delay": 3 * S,
                    "Order": "start-first",
                    "MaxFailureRatio": 0.5,
                }
            },
            {
                "replicas": 2,
                "update_config": {
                    "parallelism": 0,
                    "failure_action": "pause",
                    "max_failure_ratio": 0.5,
                    "order": "start-first",
                    "delay": "3s",
                },
            },
        ),
    ],
)
def test_fields_of_the_service(spec: Raw, value: Raw) -> None:
    assert app(**spec)["deploy"] == value


@pytest.mark.parametrize(
    ("template", "key", "value"),
    [
        (
            {"RestartPolicy": {"Condition": "on-failure", "Delay": 0, "MaxAttempts": 3, "Window": 60 * S}},
            "restart_policy",
            {"condition": "on-failure", "delay": "0s", "window": "60s", "max_attempts": 3},
        ),
        (
            {
                "Resources": {
                    "Limits": {"NanoCPUs": 1_500_000_000, "MemoryBytes": 64 << 20, "Pids": 9},
                    "Reservations": {
                        "NanoCPUs": 1,
                        "GenericResources": [{"DiscreteResourceSpec": {"Kind": "gpu", "Value": 2}}],
                    },
                }
            },
            "resources",
            {
                "limits": {"cpus": "1.5", "memory": "67108864", "pids": 9},
                "reservations": {
                    "cpus": "0.000000001",
                    "generic_resources": [{"discrete_resource_spec": {"kind": "gpu", "value": 2}}],
                },
            },
        ),
        (
            {
                "Placement": {
                    "Constraints": ["node.role == manager"],
                    "Preferences": [{"Spread": {"SpreadDescriptor": "node.labels.zone"}}],
                    "MaxReplicas": 1,
                    "Platforms": [{"OS": "linux"}],
                }
            },
            "placement",
            {
                "constraints": ["node.role == manager"],
                "preferences": [{"spread": "node.labels.zone"}],
                "max_replicas_per_node": 1,
            },
        ),
    ],
)
def test_fields_of_the_task(template: Raw, key: str, value: Raw) -> None:
    assert app(template=template)["deploy"][key] == value


def test_ports_and_logging() -> None:
    ports = [
        {"TargetPort": 80, "PublishedPort": 8080, "PublishMode": "host"},
        {"TargetPort": 53, "Protocol": "udp"},
    ]
    found = app(
        EndpointSpec={"Ports": ports}, template={"LogDriver": {"Name": "syslog", "Options": {"tag": "a"}}}
    )
    assert found["logging"] == {"driver": "syslog", "options": {"tag": "a"}}
    assert sorted(found["ports"], key=lambda port: port["target"]) == [
        {"target": 53, "protocol": "udp", "mode": "ingress"},
        {"target": 80, "published": 8080, "protocol": "tcp", "mode": "host"},
    ]


def test_volumes_of_the_stack_and_of_others() -> None:
    def mount(source: str, target: str, **options: Any) -> Raw:
        return {"Type": "volume", "Source": source, "Target": target, "VolumeOptions": options}

    driver = {"Name": "nfs", "Options": {"o": "addr=1"}}
    mounts = [
        mount("shop_data", "/d", Labels={**STACK, "own": "1"}, NoCopy=True, DriverConfig=driver),
        mount("shop_data", "/e", Labels=STACK),
        {"Type": "volume", "Source": "outside", "Target": "/o"},
        {"Type": "volume", "Target": "/anonymous"},
    ]
    result = exported(service(container={"Mounts": mounts}))
    assert result.losses == []
    assert result.file["services"]["app"]["volumes"] == [
        {"type": "volume", "target": "/d", "source": "data", "volume": {"nocopy": True}},
        {"type": "volume", "target": "/e", "source": "data-2"},
        {"type": "volume", "target": "/o", "source": "outside"},
        {"type": "volume", "target": "/anonymous"},
    ]
    assert result.file["volumes"] == {
        "data": {
            "name": "shop_data",
            "labels": {"own": "1"},
            "driver": "nfs",
            "driver_opts": {"o": "addr=1"},
        },
        "data-2": {"name": "shop_data"},
        "outside": {"name": "outside", "external": True},
    }


def test_networks_of_the_stack_of_others_and_the_hosts() -> None:
    attached = [
        {"Target": "shop_front", "Aliases": ["app", "www"]},
        {"Target": "front"},
        {"Target": "host"},
    ]
    networks = {
        "shop_front": network(
            "shop_front",
            Attachable=True,
            Internal=True,
            Labels={**STACK, "a": "b"},
            IPAM={"Config": [{"Subnet": "172.30.0.0/16"}]},
            Options={"encrypted": "", "com.docker.network.driver.overlay.vxlanid_list": "4097"},
        ),
        "front": network("front", Labels={}),
    }
    result = exported(service(template={"Networks": attached}), networks=networks)
    assert result.file["services"]["app"]["networks"] == {
        "front": {},
        "host": {},
        "shop_front": {"aliases": ["www"]},
    }
    assert result.file["networks"] == {
        "front": {"external": True, "name": "front"},
        "host": {"external": True, "name": "host"},
        "shop_front": {
            "attachable": True,
            "internal": True,
            "labels": {"a": "b"},
            "driver_opts": {"encrypted": ""},
            "ipam": {"config": [{"subnet": "172.30.0.0/16"}]},
            "name": "shop_front",
        },
    }
    assert result.needed() == [("networks", ["front"])]


def test_configs_have_a_file_or_must_be_there() -> None:
    spec = {"Labels": {**STACK, "a": "b"}, "Templating": {"Name": "golang"}, "Data": "eA=="}
    configs = {
        "shop_site": {"ID": "1", "Spec": {"Name": "shop_site", **spec}},
        "other": {"ID": "2", "Spec": {"Name": "other"}},
    }
    found = Snapshot({}, configs=configs)
    assert export("shop", found).configs == ["shop_site", "other"]
    result = export("shop", found, {name: f"./configs/{name}" for name in configs})
    assert result.configs == ["other"]
    assert result.file["configs"] == {
        "site": {
            "name": "shop_site",
            "file": "./configs/shop_site",
            "labels": {"a": "b"},
            "template_driver": "golang",
        },
        "other": {"name": "other", "external": True},
    }


@pytest.mark.parametrize(
    ("container", "lost"),
    [
        ({"Groups": ["audio"]}, "TaskTemplate.ContainerSpec.Groups"),
        ({"DNSConfig": {"Options": ["ndots:1"]}}, "TaskTemplate.ContainerSpec.DNSConfig.Options"),
        ({"Env": ["UNSET"]}, "TaskTemplate.ContainerSpec.Env UNSET without a value"),
        (
            {"Mounts": [{"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"Mode": 511}}]},
            "TaskTemplate.ContainerSpec.TmpfsOptions.Mode of the mount /t",
        ),
        ({"Privileges": {"NoNewPrivileges": True}}, "TaskTemplate.ContainerSpec.Privileges.NoNewPrivileges"),
        ({"SomethingNew": {"A": 1}}, "TaskTemplate.ContainerSpec.SomethingNew"),
    ],
)
def test_what_a_compose_file_can_not_say(container: Raw, lost: str) -> None:
    assert exported(service(container=container)).losses == [f"shop_app: a compose file can't say {lost}"]


def test_a_service_under_a_name_that_no_stack_gives_is_left_out() -> None:
    result = exported(service(name="stray"))
    assert "services" not in result.file
    assert result.losses == ["stray: a stack shop calls its services shop_…, so it is left out"]


def test_a_start_interval_needs_a_newer_file() -> None:
    result = exported(service(container={"Healthcheck": {"StartInterval": S}}))
    assert result.file["version"] == "3.12"
    assert result.file["services"]["app"]["healthcheck"] == {"start_interval": "1s"}


@pytest.mark.parametrize(
    ("ns", "text"), [(0, "0s"), (1, "1ns"), (1_500, "1500ns"), (2_000, "2us"), (S, "1s")]
)
def test_durations_as_go_reads_them(ns: int, text: str) -> None:
    assert duration(ns) == text
