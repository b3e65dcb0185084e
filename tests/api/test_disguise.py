"""What clients see of containers and networks that skerry made in the engine."""

from __future__ import annotations

import pytest

from skerry.api.disguise import event, own_healthcheck, with_health
from skerry.api.routes.containers import health_word
from skerry.model.objects import Raw
from tests.api.door import FILE_DIRS, Healthy
from tests.api.scene import Scene


def test_a_task_in_the_list() -> None:
    scene = Scene()
    scene.health.states[scene.task.id] = Healthy()
    row = scene.looks.row(scene.row())
    assert row["Status"] == "Up 3 seconds (healthy)"
    assert row["Image"] == "app:1"
    assert row["HostConfig"]["NetworkMode"] == "default"
    assert row["NetworkSettings"]["Networks"] == {
        "net": {"NetworkID": scene.network.id, "IPAMConfig": None, "Gateway": ""}
    }
    assert row["Mounts"] == [{"Source": "/data"}]
    assert row["Ports"] == [
        {"PrivatePort": 9, "Type": "udp"},
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
    ]


def test_a_stopped_task_shows_no_ports() -> None:
    scene = Scene()
    scene.health.states[scene.task.id] = Healthy("unhealthy")
    row = scene.looks.row(scene.row(State="exited", Status="Exited (0) 1 second ago", Ports=[]))
    assert (row["Ports"], row["Status"]) == ([], "Exited (0) 1 second ago")


def test_a_label_on_somebody_elses_container_does_not_count() -> None:
    scene = Scene()
    row = scene.looks.row(scene.row(Id="c2"))
    assert row["Image"] == "sha256:abc"
    assert row["HostConfig"]["NetworkMode"] == "net"
    assert row["NetworkSettings"]["Networks"] == {
        "net": {"NetworkID": scene.network.id, "IPAMConfig": None, "Gateway": ""}
    }


def test_a_task_inspected() -> None:
    check = {"Test": ["CMD", "true"], "Interval": 5_000_000_000}
    scene = Scene(Healthcheck=check)
    scene.health.states[scene.task.id] = Healthy()
    found = scene.looks.details(scene.inspected(), None)
    assert found["State"]["Health"] == {"Status": "healthy", "FailingStreak": 0, "Log": []}
    assert found["Config"]["Healthcheck"] == check
    assert found["Config"]["Image"] == "app:1"
    assert found["Config"]["ExposedPorts"] == {"9/udp": {}, "80/tcp": {}}
    host = found["HostConfig"]
    assert host["PortBindings"] == {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}
    assert (host["NetworkMode"], host["Binds"], host["Dns"]) == ("default", None, None)
    assert "Mounts" not in host
    assert found["Mounts"] == []
    both = [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}]
    assert found["NetworkSettings"]["Ports"] == {"9/udp": None, "80/tcp": both}
    assert found["NetworkSettings"]["Networks"]["net"]["NetworkID"] == scene.network.id


@pytest.mark.case("N2")
def test_a_task_s_resolv_conf_is_where_docker_s_would_be() -> None:
    scene = Scene()
    ours, docker = f"{FILE_DIRS[1]}/{scene.task.id}", "/var/lib/docker/containers/c1"
    seen = scene.inspected() | {"ResolvConfPath": ours, "HostnamePath": f"{docker}/hostname"}
    seen["HostConfig"] |= {"Binds": [f"{ours}:/etc/resolv.conf:rw,z"], "DnsOptions": ["ndots:2"]}
    seen["Mounts"] = [{"Type": "bind", "Source": ours, "Destination": "/etc/resolv.conf"}]
    shown = scene.looks.details(seen, None)
    assert shown["ResolvConfPath"] == f"{docker}/resolv.conf"
    assert (shown["Mounts"], shown["HostConfig"]["Binds"]) == ([], None)
    assert (shown["HostConfig"]["Dns"], shown["HostConfig"]["DnsOptions"]) == (None, ["ndots:2"])
    assert scene.looks.row(scene.row(Mounts=seen["Mounts"]))["Mounts"] == []


def test_the_images_check_stands_where_the_service_has_none() -> None:
    scene = Scene()
    built_in = {"Test": ["CMD-SHELL", "curl -sf localhost"]}
    assert scene.looks.details(scene.inspected(), built_in)["Config"]["Healthcheck"] == built_in
    assert "Healthcheck" not in scene.looks.details(scene.inspected(), None)["Config"]


def test_a_check_is_merged_field_by_field() -> None:
    task = Scene(Healthcheck={"Interval": 7_000_000_000}).task
    merged = own_healthcheck(task, {"Test": ["CMD", "x"], "Interval": 1, "Retries": 2})
    assert merged == {"Test": ["CMD", "x"], "Interval": 7_000_000_000, "Retries": 2}


@pytest.mark.parametrize(
    ("status", "health", "shown", "word"),
    [
        ("Up 3 seconds", "healthy", "Up 3 seconds (healthy)", "healthy"),
        ("Up 3 seconds", "starting", "Up 3 seconds (health: starting)", "starting"),
        ("Up 3 seconds", "unhealthy", "Up 3 seconds (unhealthy)", "unhealthy"),
        ("Up 3 seconds (Paused)", "healthy", "Up 3 seconds (Paused)", "none"),
        ("Exited (0) 2 hours ago", "healthy", "Exited (0) 2 hours ago", "none"),
        ("Up 3 seconds", "none", "Up 3 seconds", "none"),
    ],
)
def test_status_texts(status: str, health: str, shown: str, word: str) -> None:
    assert with_health(status, health) == shown
    assert health_word(shown) == word


def test_an_event_of_a_bridge_is_the_overlays() -> None:
    scene = Scene()
    attributes = {"container": "c1", "name": scene.network.engine_name, "type": "bridge"}
    found = event(
        scene.world.view,
        {"Type": "network", "Action": "connect", "Actor": {"ID": "f" * 64, "Attributes": attributes}},
    )
    shown = {"container": "c1", "name": "net", "type": "overlay"}
    assert found["Actor"] == {"ID": scene.network.id, "Attributes": shown}


def test_an_event_of_a_task_names_its_image_as_it_was_written() -> None:
    scene = Scene()
    attributes = {"com.docker.swarm.task.id": scene.task.id, "image": "sha256:abc"}
    told: Raw = {"Type": "container", "Action": "start", "from": "sha256:abc"}
    told["Actor"] = {"ID": "c1", "Attributes": attributes}
    found = event(scene.world.view, told)
    assert (found["from"], found["Actor"]["Attributes"]["image"]) == ("app:1", "app:1")
    told["Actor"] = {"ID": "c2", "Attributes": {"image": "sha256:abc"}}
    assert event(scene.world.view, told) == told
