"""Labels that say of a container what Swarm's API can't: from the text to the engine's field."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.model.container_settings import SETTINGS
from skerry.model.labels import LABELS, check, check_container, read

VALUES: list[tuple[str, str, Any]] = [
    ("privileged", "true", True),
    (
        "devices",
        "/dev/fuse",
        [_fuse := {"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rwm"}],
    ),
    ("devices", "/dev/fuse:rwm", [_fuse]),
    (
        "devices",
        "/dev/fuse, /dev/sda:/dev/xvda:r",
        [_fuse, {"PathOnHost": "/dev/sda", "PathInContainer": "/dev/xvda", "CgroupPermissions": "r"}],
    ),
    ("devices.cdi", "a.com/gpu=0", [{"Driver": "cdi", "DeviceIDs": ["a.com/gpu=0"]}]),
    ("devices.cgroup-rules", "c 1:3 mr,b 8:* rwm", ["c 1:3 mr", "b 8:* rwm"]),
    ("gpus", "all", [{"Count": -1, "Capabilities": [["gpu"]]}]),
    ("gpus", "2", [{"Count": 2, "Capabilities": [["gpu"]]}]),
    ("gpus", '[{"Driver":"nvidia"}]', [{"Driver": "nvidia"}]),
    ("network", "none", "none"),
    ("ipc", "host", "host"),
    ("pid", "host", "host"),
    ("uts", "host", "host"),
    ("userns", "host", "host"),
    ("cgroup", "private", "private"),
    ("cgroup.parent", "/limits", "/limits"),
    ("shm-size", "64m", 64 << 20),
    ("shm-size", "1.5 GiB", 3 << 29),
    ("security-opt", "apparmor=unconfined,label=disable", ["apparmor=unconfined", "label=disable"]),
    ("security-opt", '["seccomp={\\"a\\":[1,2]}"]', ['seccomp={"a":[1,2]}']),
    ("runtime", "runsc", "runsc"),
    ("oom.kill-disable", "false", False),
    ("oom.score-adj", "-500", -500),
    ("memory.swap", "-1", -1),
    ("memory.swap", "1g", 1 << 30),
    ("memory.swappiness", "0", 0),
    ("memory.reservation", "4096", 4096),
    ("cpu.set", "0-1", "0-1"),
    ("cpu.shares", "512", 512),
    ("cpu.quota", "50000", 50000),
    ("cpu.period", "100000", 100000),
    ("cpu.rt-runtime", "400", 400),
    ("cpu.rt-period", "1400", 1400),
    ("blkio.weight", "300", 300),
    ("blkio.weight-device", "/dev/sda:200", [{"Path": "/dev/sda", "Weight": 200}]),
    ("blkio.read-bps", "/dev/sda:1mb", [{"Path": "/dev/sda", "Rate": 1 << 20}]),
    ("blkio.read-iops", "/dev/sda:100", [{"Path": "/dev/sda", "Rate": 100}]),
    ("blkio.write-bps", "/dev/sda:1mb", [{"Path": "/dev/sda", "Rate": 1 << 20}]),
    ("blkio.write-iops", "/dev/sda:100", [{"Path": "/dev/sda", "Rate": 100}]),
    ("storage-opt", "size=10G", {"size": "10G"}),
    ("annotations", "a=1,b=c=d", {"a": "1", "b": "c=d"}),
    ("annotations", '{"a": "x,y=z"}', {"a": "x,y=z"}),
    ("tmpfs", "/run", {"/run": ""}),
    ("tmpfs", "/run:size=1m,uid=5,/tmp", {"/run": "size=1m,uid=5", "/tmp": ""}),
    ("domainname", "example.org", "example.org"),
    ("mac-address", "02:42:ac:11:00:01", "02:42:ac:11:00:01"),
]


@pytest.mark.parametrize(("name", "text", "value"), VALUES)
def test_a_text_means_what_docker_run_means(name: str, text: str, value: Any) -> None:
    assert read({f"skerry.{name}": text}, f"skerry.{name}") == value


def test_every_setting_has_an_example() -> None:
    assert {f"skerry.{name}" for name, _, _ in VALUES} == {label.name for label in SETTINGS}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("privileged", "yes"),
        ("devices", "fuse"),
        ("devices", "/dev/a:/dev/b:x"),
        ("devices", "/dev/a:/dev/b:r:w"),
        ("devices.cdi", "gpu"),
        ("gpus", "none"),
        ("gpus", "[1]"),
        ("gpus", "[{"),
        ("ipc", "container:web"),
        ("pid", "service:web"),
        ("shm-size", "big"),
        ("oom.score-adj", "1.5"),
        ("security-opt", "[1]"),
        ("blkio.read-bps", "/dev/sda"),
        ("blkio.weight-device", "sda:1"),
        ("storage-opt", "size"),
        ("annotations", '{"a": 1}'),
        ("tmpfs", "run"),
    ],
)
def test_what_means_nothing_is_refused_with_its_label(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=rf"^label skerry\.{name}: "):
        check_container({f"skerry.{name}": text})


def test_on_a_service_it_is_refused_with_its_place() -> None:
    with pytest.raises(
        ValueError, match=r"skerry\.privileged is one of the containers: .* --container-label"
    ):
        check({"skerry.privileged": "true"})


def test_no_two_say_where_one_value_goes() -> None:
    places = [label.container for label in LABELS.values() if label.container]
    shared = {place for place in places if places.count(place) > 1}
    assert shared == {"HostConfig.DeviceRequests"}  # lists are joined
