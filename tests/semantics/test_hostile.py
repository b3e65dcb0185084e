"""Specs and queries that are out of all proportion, on a real engine: one of them stops nobody else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from harness.world import World, wait_until
from tests.semantics.swarm_api import SwarmApi

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300), pytest.mark.slow]

HUGE = 10**12
LONG = "9" * 5_000


def answers(api: SwarmApi) -> None:
    """A bound that is generous, and far below what counting to 10^12 takes."""
    begun = time.monotonic()
    api.get("/services")
    assert time.monotonic() - begun < 20


@pytest.mark.case("C1")
def test_a_job_of_a_million_millions_runs_one_at_a_time_also_after_a_restart(world: World) -> None:
    api = SwarmApi(world.socket)
    job = {"Mode": {"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": HUGE}}}
    command = {"Args": ["sh", "-c", "exit 0"]}
    key = api.create("million", container=command, **job)

    def completed() -> int:
        (service,) = api.get('/services?status=true&filters={"name":["million"]}')
        count: int = service["ServiceStatus"]["CompletedTasks"]
        return count

    wait_until(lambda: completed() >= 2, "two of the job have completed", 120)
    answers(api)
    world.kill_skerryd()
    world.up()
    before = completed()
    wait_until(lambda: completed() > before, "it goes on after a restart", 120)
    answers(api)
    tasks = api.get(f'/tasks?filters={{"service":["{key}"]}}')
    assert sum(task["Status"]["State"] not in ("complete", "failed") for task in tasks) <= 1
    other = api.create("beside")
    api.task(other)
    api.remove(key)
    api.remove(other)


@pytest.mark.case("C6")
@pytest.mark.parametrize(
    ("text", "file", "words"),
    [
        ("{{" + "(" * 3_000 + "1" + ")" * 3_000 + "}}", {}, "exceeded maximum template depth"),
        ('{{range 1000000000}}{{printf "%1000000s" 1}}{{end}}', {}, "it makes more than"),
        ("plain", {"UID": "²"}, 'strconv.Atoi: parsing "²": invalid syntax'),
        ("plain", {"UID": str(2**40)}, "owner 1099511627776 of a file is not between"),
        ("plain", {"GID": "-1"}, "owner -1 of a file is not between"),
    ],
    ids=["depth", "text", "digit", "2^40", "-1"],
)
def test_a_task_that_cannot_be_prepared_says_why(
    world: World, text: str, file: dict[str, str], words: str, request: pytest.FixtureRequest
) -> None:
    api = SwarmApi(world.socket)
    prefix = f"c6{abs(hash(request.node.name))}"
    files = api.files(text, prefix)
    files["Configs"][0]["File"] |= file
    key = api.create(prefix, container=files, task={"RestartPolicy": {"Condition": "none"}})
    task = api.task(key, error=True)
    assert task["Status"]["State"] == "rejected"
    assert words in task["Status"]["Err"]
    assert words in world.docker("service", "ps", "--no-trunc", key)
    api.remove(key)


@pytest.mark.case("C6")
def test_what_is_only_odd_is_filled(world: World) -> None:
    api = SwarmApi(world.socket)
    files = api.files('{{printf "%c" 99999999999}}{{printf "%1500000000s" "x"}}', "odd")
    command = {"Args": ["cat", "/c"], **files}
    key = api.create("odd", container=command, task={"RestartPolicy": {"Condition": "none"}})
    assert api.logs(api.task(key, "complete")) == "\N{REPLACEMENT CHARACTER}%!(NOVERB)%!(EXTRA string=x)"
    api.remove(key)


@pytest.mark.case("C8")
@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/services/x/update?version={0}"),
        ("POST", "/swarm/update?version={0}"),
        ("GET", "/events?since={0}"),
        ("GET", "/events?since=1&until={0}"),
        ("GET", "/services/numbers/logs?stdout=1&since={0}"),
        ("GET", "/services/numbers/logs?stdout=1&tail={0}"),
        ("GET", '/containers/json?limit={0}&filters={{"is-task":["true"]}}'),
        ("GET", '/containers/json?filters={{"publish":["{0}"]}}'),
    ],
)
def test_a_number_of_5000_digits_is_refused_as_by_a_swarm(
    world: World, genuine_swarm: Path, method: str, target: str
) -> None:
    """Docker blames some of them on itself."""
    api = SwarmApi(world.socket)
    if "numbers" in target:
        api.create("numbers")
        SwarmApi(genuine_swarm).create("numbers")
    requested: tuple[str, str, Any] = (method, target.format(LONG), {} if method == "POST" else None)
    status, body = api.ask(*requested)
    assert status in (400, 500), body[:300]
    if "is-task" not in target:  # a filter of ours
        assert (status, body) == SwarmApi(genuine_swarm).ask(*requested)
    if "numbers" in target:
        api.remove("numbers")
        SwarmApi(genuine_swarm).remove("numbers")


@pytest.mark.case("BAD")
@pytest.mark.parametrize(
    "mode",
    [
        {"Replicated": {"Replicas": HUGE}},
        {"ReplicatedJob": {"MaxConcurrent": HUGE}},
    ],
    ids=["replicas", "job"],
)
def test_a_million_millions_at_once_stop_nobody(world: World, mode: dict[str, Any]) -> None:
    api = SwarmApi(world.socket)
    nowhere = {"Placement": {"Constraints": ["node.labels.there==no"]}}
    key = api.create("crowd", task=nowhere, Mode=mode)
    tasks = f'/tasks?filters={{"service":["{key}"]}}'
    wait_until(lambda: len(api.get(tasks)) >= 500, "as many as may wait are there", 120)
    answers(api)
    other = api.create("beside")
    api.task(other)
    assert len(api.get(tasks)) == 500
    assert "crowd" in world.docker("service", "ls")
    api.remove(key)
    api.remove(other)
    wait_until(lambda: not api.get("/tasks"), "the tasks are gone", 120)


@pytest.mark.case("BAD")
def test_a_port_that_none_can_be_is_said(world: World) -> None:
    api = SwarmApi(world.socket)
    ports = [{"TargetPort": 0, "PublishedPort": 8080}, {"TargetPort": 80, "PublishedPort": 2**31}]
    keys = [api.create(f"odd{number}", EndpointSpec={"Ports": [port]}) for number, port in enumerate(ports)]
    good = api.create("good", EndpointSpec={"Ports": [{"TargetPort": 80, "PublishedPort": 8081}]})
    api.task(good)
    for key, words in zip(keys, ["tcp/8080: target port 0", "tcp/2147483648: published port"], strict=True):
        assert words in api.task(key, "pending", error=True)["Status"]["Err"]
        assert words in world.docker("service", "ps", "--no-trunc", key)
    for key in (*keys, good):
        api.remove(key)


@pytest.mark.case("C9")
@pytest.mark.parametrize(
    "answer",
    [
        f"HTTP/1.1 200 OK\\r\\nContent-Length: {'9' * 6_000}\\r\\n\\r\\nyes",
        f"HTTP/1.1 {'2' * 6_000} OK\\r\\n\\r\\n",
    ],
    ids=["length", "status"],
)
def test_a_health_endpoint_whose_answer_is_none_is_unhealthy(
    world: World, answer: str, request: pytest.FixtureRequest
) -> None:
    api = SwarmApi(world.socket)
    name = f"sick{abs(hash(request.node.name))}"
    serve = f"while true; do printf '{answer}' | busybox nc -l -p 8080 -w 1; done"
    second = 10**9
    check = {
        "Test": ["CMD", "true"],
        "Interval": second,
        "Timeout": second,
        "Retries": 2,
    }
    container = {"Args": ["sh", "-c", serve], "Healthcheck": check}
    labels = {"skerry.probe.readiness": "http://:8080/"}
    key = api.create(name, container=container, task={"RestartPolicy": {"Condition": "none"}}, Labels=labels)
    task = api.task(key, error=True)
    assert "unhealthy" in task["Status"]["Err"]
    api.remove(key)
