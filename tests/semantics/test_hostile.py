"""Specs and queries that are out of all proportion, on a real engine: one of them stops nobody else."""

from __future__ import annotations

import time

import pytest

from tests.semantics.swarm_api import SwarmApi
from tests.world.world import World, wait_until

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
def test_a_number_of_5000_digits_is_the_clients_mistake(world: World, method: str, target: str) -> None:
    api = SwarmApi(world.socket)
    if "numbers" in target:
        api.create("numbers")
    status, body = api.ask(method, target.format(LONG), {} if method == "POST" else None)
    assert status == 400, body[:300]
    if "numbers" in target:
        api.remove("numbers")


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
