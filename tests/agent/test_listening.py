"""A task without a health check is ready when it listens, or had the time for it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from skerry.model.labels import READY_PORTS, READY_TIMEOUT
from skerry.model.objects import Service
from skerry.model.states import TaskState
from tests.agent.stage import Stage, new_task, stage
from tests.engine.fake import FakeEngine
from tests.support.specs import of_endpoint, of_service

SILENT = "nothing listens on port 80/tcp"
PORT = {"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080}


def exposing(*ports: str) -> FakeEngine:
    engine = FakeEngine()
    engine.images["box:1"]["Config"]["ExposedPorts"] = {port: {} for port in ports}
    return engine


async def published(here: Stage, **container: Any) -> None:
    spec = of_endpoint({"Ports": [PORT]})
    await here.put(replace(new_task("t1", TaskState.RUNNING, container), endpoint_spec=spec))


async def labelled(here: Stage, **labels: str) -> None:
    """The service of the tasks, with these labels."""
    spec = of_service({"Name": "web", "Labels": labels})
    await here.put(Service("service1", "web", spec, 1))


async def test_a_task_that_listens_at_once_runs_at_once() -> None:
    async with stage() as here:
        await published(here)
        status = await here.until_state(TaskState.RUNNING)
        assert status.err == ""
        assert [timeout for _, timeout in here.traffic.looks] == [0]


async def test_a_task_runs_when_it_listens() -> None:
    async with stage() as here:
        here.traffic.heard.clear()
        await published(here)
        await here.until(lambda: len(here.traffic.looks) == 2)
        status = here.row().status
        assert (status.state, status.err) == (TaskState.STARTING, "")
        assert here.row().attachments[0].address, "it is where it will be reached"
        here.traffic.heard.set()
        assert (await here.until_state(TaskState.RUNNING)).err == ""


async def test_a_task_that_never_listens_runs_after_the_timeout_and_says_so_until_it_does() -> None:
    async with stage() as here:
        await labelled(here, **{READY_TIMEOUT: "50ms"})
        here.traffic.heard.clear()
        await published(here)
        status = await here.until_state(TaskState.RUNNING)
        assert (status.err, status.unheard) == (SILENT, True)
        assert here.conditions.texts == [], "it runs as it always did"
        here.traffic.heard.set()
        await here.until(lambda: here.row().status.err == "")
        assert not here.row().status.unheard
        assert here.row().status.state == TaskState.RUNNING


async def test_what_is_missing_is_seen_again_by_the_next_daemon() -> None:
    async with stage() as here:
        await published(here)
        await here.until_state(TaskState.RUNNING)
        await here.crash()
        here.traffic.heard.clear()
        await here.start()
        await here.until(lambda: here.row().status.err == SILENT)
        assert here.row().status.state == TaskState.RUNNING


async def test_a_task_that_ends_before_it_listens_has_failed() -> None:
    async with stage() as here:
        here.traffic.heard.clear()
        await published(here)
        await here.until(lambda: len(here.traffic.looks) == 2)
        here.engine.end("web.1.t1", 3)  # type: ignore[attr-defined]
        assert (await here.until_state(TaskState.FAILED)).exit_code == 3
        assert here.row().running_at == 0


async def test_a_task_that_is_told_to_go_before_it_listens_goes() -> None:
    async with stage() as here:
        here.traffic.heard.clear()
        await published(here)
        await here.until(lambda: len(here.traffic.looks) == 2)
        await here.want("t1", TaskState.SHUTDOWN)
        await here.until_state(TaskState.SHUTDOWN)
        assert not any(call.startswith("drain") for call in here.calls), "nobody could have come"


async def test_a_port_that_its_image_exposes_is_waited_for() -> None:
    async with stage(exposing("80/tcp", "443/tcp")) as here:
        await here.task()
        await here.until_state(TaskState.RUNNING)
        ((listening, _),) = here.traffic.looks
        assert (listening.ports, listening.any_of) == ((("tcp", 80), ("tcp", 443)), True)


async def test_of_a_task_whose_ports_nobody_knows_it_is_known_that_it_does_not_listen_yet() -> None:
    async with stage() as here:
        here.traffic.heard.clear()
        await here.task()
        status = await here.until_state(TaskState.RUNNING)
        assert (status.unheard, status.err) == (True, "")
        here.traffic.heard.set()
        await here.until(lambda: not here.row().status.unheard)
        assert here.row().status.state == TaskState.RUNNING


async def test_a_job_may_not_listen_for_ever() -> None:
    async with stage() as here:
        here.traffic.heard.clear()
        await here.put(replace(new_task("t1", TaskState.RUNNING, {}), job_iteration=1))
        assert not (await here.until_state(TaskState.RUNNING)).unheard


async def test_with_a_health_check_nothing_changes() -> None:
    async with stage() as here:
        here.traffic.heard.clear()
        await published(here, Healthcheck={"Test": ["CMD", "true"]})
        assert (await here.until_state(TaskState.RUNNING)).err == ""
        assert here.traffic.looks == []


async def test_labels_say_where_and_whether_a_task_listens() -> None:
    async with stage() as here:
        await labelled(here, **{READY_PORTS: "9000"})
        await published(here)
        await here.until_state(TaskState.RUNNING)
        assert [listening.ports for listening, _ in here.traffic.looks] == [(("tcp", 9000),)]
    for label, unheard in (({READY_PORTS: "none"}, True), ({READY_TIMEOUT: "0s"}, False)):
        async with stage() as here:
            await labelled(here, **label)
            here.traffic.heard.clear()
            await published(here)
            status = await here.until_state(TaskState.RUNNING)
            assert (status.err, status.unheard) == ("", unheard)


async def test_a_job_is_not_waited_for() -> None:
    async with stage(exposing("80/tcp")) as here:
        here.traffic.heard.clear()
        await here.put(replace(new_task("t1", TaskState.RUNNING, {}), job_iteration=1))
        await here.until_state(TaskState.RUNNING)
        assert here.traffic.looks == []
