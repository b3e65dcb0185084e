"""The agent on a real dockerd: what only a real container can show."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.net import run
from skerry.engine.client import connect_engine
from skerry.health.check import ProbeResult
from skerry.health.sockets import NamespaceSockets
from skerry.linux.processes import process_name
from skerry.model.defaults import MILLISECOND, SECOND
from skerry.model.files import Config, Secret
from skerry.model.objects import Raw, Task
from skerry.model.states import TaskState
from tests.agent.stage import NETWORK, NODE, Stage
from tests.engine.dockerd import dockerd

pytestmark = [pytest.mark.engine, pytest.mark.timeout(90)]

NAME = "web.1.t1"
WITHIN_S = 60.0
Play = Callable[[Stage], Awaitable[None]]


@pytest.fixture(scope="module")
def socket() -> Iterator[str]:
    with dockerd() as path:
        yield path


@asynccontextmanager
async def real_stage(socket: str) -> AsyncIterator[Stage]:
    engine = await connect_engine(socket)
    subnet = {"Subnet": NETWORK.subnet, "Gateway": NETWORK.gateway, "IPRange": "10.0.1.0/25"}
    await engine.create_network({"Name": NETWORK.engine_name, "IPAM": {"Config": [subnet]}})
    with tempfile.TemporaryDirectory(prefix="skt-") as folder:
        here = Stage(engine, [], Path(folder) / "tasks", sockets=NamespaceSockets())
        await here.put(NODE, NETWORK)
        await here.start()
        try:
            yield here
        finally:
            await here.crash()
            here.check_rules()
            for task in here.store.view.tasks.values():
                await engine.remove_container(task.name)
            await engine.remove_network(NETWORK.engine_name)
            run("umount", str(here.agent.folders.root), check=False)
            await engine.close()


def on_stage(socket: str, play: Play) -> None:
    async def playing() -> None:
        async with asyncio.timeout(240), real_stage(socket) as here:
            await play(here)

    asyncio.run(playing())


def shell(line: str) -> Raw:
    return {"Args": ["sh", "-c", line], "StopGracePeriod": SECOND}


SERVING = "trap 'exit 0' TERM; touch /tmp/up; while true; do sleep 0.1; done"


def check(line: str, **more: int) -> Raw:
    return {"Healthcheck": {"Test": ["CMD-SHELL", line], "Interval": 200 * MILLISECOND, **more}}


def log_of(here: Stage) -> Sequence[ProbeResult]:
    """What the probes of the task have answered."""
    state = here.agent.health("t1")
    return state.log if state is not None else ()


async def asleep(here: Stage) -> list[str]:
    """The commands of a probe that are in the container."""
    seen = await here.engine.get(f"/containers/{NAME}/top")
    commands = [str(row[-1]) for row in seen["Processes"]]
    return [command for command in commands if "600" in command or "601" in command]


def test_a_whole_life(socket: str) -> None:
    async def play(here: Stage) -> None:
        late = SERVING.replace("touch", "until test -e /tmp/go; do sleep 0.05; done; touch")
        checked = check("test -e /tmp/up || exit 1; echo fine", Retries=10_000, Timeout=60 * SECOND)
        await here.task(**shell(late), **checked)
        await here.until(lambda: bool(log_of(here)), WITHIN_S)
        await here.engine.exec(NAME, ["busybox", "touch", "/tmp/go"], WITHIN_S)
        await here.until(lambda: here.row().attachments[0].address != "", WITHIN_S)
        assert here.row().status.state == TaskState.STARTING
        status = await here.until_state(TaskState.RUNNING, within_s=WITHIN_S)
        assert process_name(status.pid) in ("sh", "busybox")
        assert here.row().attachments[0].address.startswith("10.0.1.")
        health = here.agent.health("t1")
        assert health is not None
        assert (health.status, health.log[-1].output) == ("healthy", "fine\n")
        assert health.log[0].exit_code == 1
        await here.want("t1", TaskState.SHUTDOWN)
        ended = await here.until_state(TaskState.SHUTDOWN, within_s=WITHIN_S)
        assert ended.exit_code == 0
        assert here.calls == ["withdraw t1", "withdrawn t1", "drain t1"]
        await here.want("t1", TaskState.REMOVE)
        await here.until(lambda: not here.store.view.tasks, WITHIN_S)
        assert await here.engine.inspect_container(NAME) is None

    on_stage(socket, play)


def test_an_unhealthy_container_is_killed_and_its_task_failed(socket: str) -> None:
    async def play(here: Stage) -> None:
        body = shell("touch /tmp/up; while true; do sleep 0.1; done")
        await here.task(**body, **check("test -e /tmp/up", Retries=2, Timeout=60 * SECOND))
        await here.until_state(TaskState.RUNNING, within_s=WITHIN_S)
        await here.engine.exec(NAME, ["busybox", "rm", "/tmp/up"], WITHIN_S)
        status = await here.until_state(TaskState.FAILED, within_s=WITHIN_S)
        assert status.err == "task: non-zero exit (137): dockerexec: unhealthy container"
        assert status.exit_code == 137

    on_stage(socket, play)


def test_a_probe_out_of_time_leaves_nothing_behind(socket: str) -> None:
    async def play(here: Stage) -> None:
        once = {"Interval": 3600 * SECOND, "Timeout": SECOND // 2}
        await here.task(**shell(SERVING), **check("sleep 600 & sleep 601", **once))
        await here.until(lambda: bool(log_of(here)), WITHIN_S)
        assert log_of(here)[0].exit_code == -1
        async with asyncio.timeout(WITHIN_S):
            while await asleep(here):
                await asyncio.sleep(0.05)

    on_stage(socket, play)


def test_the_engines_own_words_reach_the_task(socket: str) -> None:
    async def play(here: Stage) -> None:
        bind = {"Type": "bind", "Source": "/nosuchdir", "Target": "/x"}
        await here.task("bind", Mounts=[bind])
        await here.task("image", Image="nosuchimage:1")
        await here.task("command", Args=["/nosuchcommand"])
        await here.task("code", Args=["sh", "-c", "exit 3"])
        bound = await here.until_state(TaskState.REJECTED, "bind", WITHIN_S)
        words = 'invalid mount config for type "bind": bind source path does not exist: /nosuchdir'
        assert bound.err == words
        missing = await here.until_state(TaskState.REJECTED, "image", WITHIN_S)
        assert missing.err == "No such image: nosuchimage:1"
        failed = await here.until_state(TaskState.FAILED, "command", WITHIN_S)
        assert failed.err.startswith("starting container failed: ")
        assert "/nosuchcommand" in failed.err
        assert failed.exit_code == 127
        ended = await here.until_state(TaskState.FAILED, "code", WITHIN_S)
        assert ended.err == "task: non-zero exit (3)"

    on_stage(socket, play)
    assert not Path("/nosuchdir").exists(), "unlike docker run -v, a service's bind makes no directory"


def test_configs_and_secrets_are_where_swarm_puts_them(socket: str) -> None:
    async def play(here: Stage) -> None:
        await here.put(
            Secret("s1", "key", {}, b"hidden"),
            Config("c1", "conf", {"Templating": {"Name": "golang"}}, b"#!/bin/sh\necho {{.Service.Name}}\n"),
        )
        secret = {
            "SecretID": "s1",
            "SecretName": "key",
            "File": {"Name": "key", "UID": "33", "GID": "44", "Mode": 0o400},
        }
        config = {
            "ConfigID": "c1",
            "ConfigName": "conf",
            "File": {"Name": "/etc/deep/conf.sh", "UID": "0", "GID": "0", "Mode": 0o555},
        }
        await here.task(**shell(SERVING), User="33:44", Secrets=[secret], Configs=[config], ReadOnly=False)
        await here.until_state(TaskState.RUNNING, within_s=WITHIN_S)

        async def inside(*command: str) -> str:
            ran = await here.engine.exec(NAME, list(command), 5)
            return ran.output if ran.exit_code == 0 else f"{ran.exit_code}: {ran.output}"

        owners = await inside("stat", "-c", "%n %u %g %a", "/run/secrets/key", "/etc/deep/conf.sh")
        assert owners == "/run/secrets/key 33 44 400\n/etc/deep/conf.sh 0 0 555\n"
        assert await inside("cat", "/run/secrets/key") == "hidden"
        assert await inside("/etc/deep/conf.sh") == "web\n"
        assert "Read-only" in await inside("sh", "-c", "echo x > /run/secrets/key 2>&1")
        folder = here.folder / "t1"
        assert folder.is_dir()
        await here.want("t1", TaskState.SHUTDOWN)
        await here.until_state(TaskState.SHUTDOWN, within_s=WITHIN_S)
        assert not folder.exists()

    on_stage(socket, play)


def row_at(task: Task, state: TaskState) -> Task:
    return replace(task, status=replace(task.status, state=state))


def test_a_crash_at_any_step_is_made_good(socket: str) -> None:
    async def play(here: Stage) -> None:
        await here.task(desired=TaskState.READY, **shell(SERVING), **check("test -e /tmp/up"))
        await here.until_state(TaskState.READY, within_s=WITHIN_S)
        made = await here.engine.inspect_container(NAME)
        assert made is not None
        await here.crash()
        # Prepared, but its row does not say so; and its files are lost, as after a reboot.
        await here.put(row_at(here.row(), TaskState.ASSIGNED))
        here.memory.commits.clear()
        await here.start()
        await here.until_state(TaskState.READY, within_s=WITHIN_S)
        await here.crash()
        # Started, but its row does not say so.
        await here.engine.start_container(NAME)
        await here.want("t1", TaskState.RUNNING)
        await here.start()
        await here.until_state(TaskState.RUNNING, within_s=WITHIN_S)
        running = await here.engine.inspect_container(NAME)
        assert running is not None
        assert running["Id"] == made["Id"]
        await here.crash()
        # Being stopped: it has ended already.
        await here.want("t1", TaskState.SHUTDOWN)
        await here.engine.stop_container(NAME, 1)
        await here.start()
        await here.until_state(TaskState.SHUTDOWN, within_s=WITHIN_S)

    on_stage(socket, play)


def test_ends_from_outside_are_noticed(socket: str) -> None:
    async def play(here: Stage) -> None:
        for key in ("kill", "gone", "stays"):
            await here.task(key, **shell(SERVING))
        for key in ("kill", "gone", "stays"):
            await here.until_state(TaskState.RUNNING, key, WITHIN_S)
        await here.engine.post("/containers/web.1.kill/kill")
        await here.engine.remove_container("web.1.gone")
        assert (await here.until_state(TaskState.FAILED, "kill", WITHIN_S)).exit_code == 137
        assert (await here.until_state(TaskState.FAILED, "gone", WITHIN_S)).exit_code == 137
        assert here.row("stays").status.state == TaskState.RUNNING

    on_stage(socket, play)


def test_a_check_that_can_be_a_probe_runs_as_one(socket: str) -> None:
    serve = "busybox ln -s busybox /bin/wget; sleep 3; busybox httpd -p 127.0.0.1:80 -h /bin; "
    serve += "while true; do sleep 0.1; done"

    async def play(here: Stage) -> None:
        test = ["CMD", "wget", "-q", "--spider", "http://127.0.0.1/sleep"]
        health = {"Test": test, "Interval": 200 * MILLISECOND, "Retries": 40, "Timeout": SECOND}
        await here.task(**shell(serve), Healthcheck=health)
        await here.until_state(TaskState.RUNNING, within_s=WITHIN_S)
        state = here.agent.health("t1")
        assert state is not None
        codes = [one.exit_code for one in state.log]
        assert codes[-1] == 0
        assert codes[:-1] == [1] * len(codes[:-1]), "asked more than once until it listens"
        assert len(codes) > 2
        assert "connection refused" in state.log[0].output
        assert (await inspected(here)).get("ExecIDs") is None

    on_stage(socket, play)


async def inspected(here: Stage) -> Raw:
    seen = await here.engine.inspect_container(NAME)
    assert seen is not None
    return seen
