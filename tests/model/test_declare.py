"""A field is declared in one line, and everything that knows it follows from that."""

from __future__ import annotations

from pathlib import Path

import pytest

import skerry
from skerry.agent.container import blueprint
from skerry.api import openapi
from skerry.control.decode import read
from skerry.control.mismatch import Mismatch
from skerry.core.view import View
from skerry.model.declare import docker_name
from skerry.model.objects import Task, TaskStatus
from skerry.model.shapes import FIELDS
from skerry.model.spec import Spec
from skerry.model.specs import TaskTemplate
from skerry.model.states import TaskState

SERVICE = "swarm.ServiceSpec"


def with_score(score: object) -> dict[str, object]:
    return {"TaskTemplate": {"ContainerSpec": {"Image": "a", "OomScoreAdj": score}}}


def test_the_field_stands_in_one_line() -> None:
    beside = ("container_settings.py", "keys.py")  # a label of the same meaning, and its key of compose files
    files = [file for file in Path(skerry.__file__).parent.rglob("*.py") if file.name not in beside]
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert len([line for line in lines if "OomScoreAdj" in line or "oom_score_adj" in line]) == 1


def test_its_type_is_checked_and_zero_is_left_out() -> None:
    with pytest.raises(Mismatch, match=r"ContainerSpec\.OomScoreAdj of type int64$"):
        read(with_score("x"), SERVICE)
    assert "OomScoreAdj" not in read(with_score(0), SERVICE)["TaskTemplate"]["ContainerSpec"]


@pytest.mark.parametrize(("engine", "client", "there"), [(46, 46, True), (45, 46, False), (46, 45, False)])
def test_it_is_there_since_its_version(engine: int, client: int, there: bool) -> None:
    spec = read(with_score(-5), SERVICE, engine=(1, engine), client=(1, client))
    assert ("OomScoreAdj" in spec["TaskTemplate"]["ContainerSpec"]) == there


def test_an_engine_that_does_not_know_it_takes_any_type() -> None:
    assert read(with_score("x"), SERVICE, engine=(1, 45))["TaskTemplate"]["ContainerSpec"] == {"Image": "a"}


def test_it_is_in_the_schema() -> None:
    properties = openapi.description([])["components"]["schemas"]["swarm.ContainerSpec"]["properties"]
    assert properties["OomScoreAdj"] == {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}


def test_it_reaches_the_container() -> None:
    spec = Spec(TaskTemplate, with_score(-5)["TaskTemplate"])  # type: ignore[arg-type]
    assert spec.typed.container_spec.oom_score_adj == -5
    status = TaskStatus(TaskState.ASSIGNED, 1, "")
    task = Task("t", "s", "web", "n", spec, None, 1, TaskState.RUNNING, status)
    assert blueprint(task, View(), []).body["HostConfig"]["OomScoreAdj"] == -5


@pytest.mark.parametrize(
    ("name", "docker"),
    [
        ("dns_config", "DNSConfig"),
        ("nano_cpus", "NanoCPUs"),
        ("global_", "Global"),
        ("enable_ipv6", "EnableIPv6"),
    ],
)
def test_names_are_written_as_go_writes_them(name: str, docker: str) -> None:
    assert docker_name(name) == docker


def test_a_field_that_a_version_brought_knows_it() -> None:
    since = {name: field.since for name, field in FIELDS["swarm.Privileges"].items()}
    assert since["Seccomp"] == since["NoNewPrivileges"] == (1, 44)
    assert since["SELinuxContext"] == (0, 0)
