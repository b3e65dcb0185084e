"""The docker CLI through the front door to a real engine: what passes, what is ours, what is both."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from skerry.model.objects import Raw, Task, TaskStatus
from skerry.model.spec import endpoint_of, template_of
from skerry.model.states import TaskState
from tests.api.door import RUN_DIR, Door, Healthy, front_door
from tests.control.swarm_of_one import create_service, spec
from tests.engine.dockerd import dockerd

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def engine_socket() -> Iterator[str]:
    """One dockerd for all of these."""
    with dockerd() as socket:
        yield socket


class Cli:
    """The docker CLI against a front door."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self._program = shutil.which("docker") or "docker"

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        """Start a command that goes on."""
        pipe = asyncio.subprocess.PIPE
        where = f"unix://{self.door.path}"
        return await asyncio.create_subprocess_exec(
            self._program, "-H", where, *words, stdin=pipe, stdout=pipe, stderr=pipe
        )

    async def __call__(self, *words: str, stdin: bytes = b"", code: int = 0) -> str:
        """Run a command that must end with this code; what it said (its errors, if it failed)."""
        process = await self.start(*words)
        async with asyncio.timeout(240):
            out, err = await process.communicate(stdin)
        assert process.returncode == code, f"{words}: {err.decode()}{out.decode()}"
        return (out if code == 0 else err).decode().strip()

    async def json(self, *words: str) -> Any:
        """What an inspecting command printed."""
        return json.loads(await self(*words))


Check = Callable[[Cli], Awaitable[None]]


@asynccontextmanager
async def reading(process: asyncio.subprocess.Process) -> Any:
    """A process whose output is read; it is killed at the end."""
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.communicate()


@pytest.fixture
def on_engine(engine_socket: str) -> Callable[[Check], None]:
    """Runs a check behind a front door on the engine; its containers are gone afterwards."""

    async def run(check: Check) -> None:
        async with asyncio.timeout(400), front_door(socket=engine_socket) as door:
            cli = Cli(door)
            try:
                await check(cli)
            finally:
                if found := (await cli("ps", "-aq")).split():
                    await cli("rm", "-f", *found)
                for network in await door.real.get_list("/networks"):
                    if network["Name"].startswith("skerry."):
                        await door.real.remove_network(network["Id"])

    return lambda check: asyncio.run(run(check))


def test_streams_pass_through(on_engine: Callable[[Check], None], tmp_path: Path) -> None:
    async def check(cli: Cli) -> None:
        assert await cli("run", "--rm", "box:1", "sh", "-c", "echo hello") == "hello"
        lines = b"".join(b"%d\n" % number for number in range(100_000))
        assert (await cli("run", "--rm", "-i", "box:1", "cat", stdin=lines)).encode() == lines.strip()
        await cli(
            "run", "-d", "--name", "box", "box:1", "sh", "-c", "echo one; sleep 1; echo two; sleep 1000"
        )
        assert await cli("exec", "-i", "box", "cat", stdin=b"through exec") == "through exec"
        await cli("exec", "box", "sh", "-c", "exit 3", code=3)
        async with reading(await cli.start("logs", "-f", "box")) as out:
            assert await out.readline() == b"one\n"
            assert await out.readline() == b"two\n"
        (tmp_path / "file").write_bytes(b"x" * 3_000_000)
        await cli("cp", str(tmp_path / "file"), "box:/tmp/file")
        await cli("cp", "box:/tmp/file", str(tmp_path / "back"))
        assert (tmp_path / "back").stat().st_size == 3_000_000
        await cli("kill", "box")

    on_engine(check)


def test_images_pass_through(on_engine: Callable[[Check], None], tmp_path: Path) -> None:
    async def check(cli: Cli) -> None:
        (tmp_path / "Dockerfile").write_text("FROM box:1\nCOPY big /big\nRUN echo built > /built\n")
        (tmp_path / "big").write_bytes(b"\0" * 20_000_000)
        await cli("build", "-q", "-t", "built:1", str(tmp_path))
        assert await cli("run", "--rm", "built:1", "cat", "/built") == "built"
        await cli("save", "-o", str(tmp_path / "image.tar"), "built:1")
        await cli("rmi", "built:1")
        assert "built:1" in await cli("load", "-i", str(tmp_path / "image.tar"))
        await cli("rmi", "built:1")

    on_engine(check)


async def steady(door: Door) -> None:
    """Wait for the one connection that stays: the stream, and not the ping before it."""
    seen, before = 0, None
    async with asyncio.timeout(60):
        while seen < 20:
            now = set(door.server.connections)
            seen = seen + 1 if now and now == before else 0
            before = now
            await asyncio.sleep(0.01)


def test_a_client_killed_in_a_stream_leaves_nothing(on_engine: Callable[[Check], None]) -> None:
    async def check(cli: Cli) -> None:
        await cli("run", "-d", "--name", "box", "box:1", "sleep", "1000")
        for words in (("events",), ("logs", "-f", "box"), ("attach", "box"), ("exec", "-i", "box", "cat")):
            process = await cli.start(*words)
            await steady(cli.door)
            process.kill()
            await process.communicate()
            async with asyncio.timeout(60):
                while cli.door.server.connections:
                    await asyncio.sleep(0.01)

    on_engine(check)


async def init(cli: Cli) -> None:
    """A swarm."""
    said = await cli("swarm", "init", "--advertise-addr", "127.0.0.1")
    assert "is now a manager" in said


def test_a_swarm_of_one(on_engine: Callable[[Check], None]) -> None:
    async def check(cli: Cli) -> None:
        assert "not a swarm manager" in await cli("service", "ls", code=1)
        assert await cli("info", "--format", "{{.Swarm.LocalNodeState}}") == "inactive"
        await init(cli)
        assert "already part of a swarm" in await cli("swarm", "init", code=1)
        assert await cli("info", "--format", "{{.Swarm.LocalNodeState}} {{.Swarm.Nodes}}") == "active 1"
        node = (await cli.json("node", "inspect", "self"))[0]
        assert node["Description"]["Hostname"] == "vm"
        assert "Leader" in await cli("node", "ls")
        assert (await cli("swarm", "join-token", "-q", "worker")).startswith("SWMTKN-1-")
        for kind in ("config", "secret"):
            await cli(kind, "create", "one", "-", stdin=b"content")
            assert (await cli.json(kind, "inspect", "one"))[0]["Spec"]["Name"] == "one"
            assert "already exists" in await cli(kind, "create", "one", "-", stdin=b"x", code=1)
        said = await cli(
            "service", "create", "-q", "-d", "--replicas", "0", "--name", "app", "-p", "8080:80", "box:1"
        )
        assert len(said) == 25
        assert "*:8080->80/tcp" in await cli("service", "ls")
        assert "0/0" in await cli("service", "ls")
        assert (await cli.json("inspect", "app"))[0]["ID"] == said
        assert "Parallelism" in json.dumps(await cli.json("service", "inspect", "app"))
        await cli("service", "update", "-d", "--label-add", "a=b", "app")
        await cli("service", "rollback", "-d", "app")
        assert "No such object: nothing" in await cli("inspect", "nothing", code=1)
        assert "no such service: nothing" in await cli("service", "ps", "nothing", code=1)
        assert "such task or service: nothing" in await cli("service", "logs", "nothing", code=1)
        await cli("service", "rm", "app")
        await cli("config", "rm", "one")
        await cli("swarm", "leave", "--force")
        assert await cli("info", "--format", "{{.Swarm.LocalNodeState}}") == "inactive"

    on_engine(check)


def test_overlay_networks_and_plain_containers(on_engine: Callable[[Check], None]) -> None:
    async def check(cli: Cli) -> None:
        await init(cli)
        await cli("network", "create", "-d", "overlay", "closed")
        key = await cli("network", "create", "-d", "overlay", "--attachable", "open")
        assert "already exists" in await cli("network", "create", "open", code=1)
        refused = await cli("run", "--rm", "--network", "closed", "box:1", code=125)
        assert "network closed not manually attachable" in refused
        await cli("run", "-d", "--name", "box", "--network", "open", "box:1", "sleep", "1000")
        found = (await cli.json("inspect", "box"))[0]
        assert found["NetworkSettings"]["Networks"]["open"]["NetworkID"] == key
        assert found["HostConfig"]["NetworkMode"] == "open"
        assert (
            await cli("ps", "--filter", "network=open", "--format", "{{.Names}} {{.Networks}}") == "box open"
        )
        inside = (await cli.json("network", "inspect", "open"))[0]
        assert [entry["Name"] for entry in inside["Containers"].values()] == ["box", "open-endpoint"]
        assert "is in use by task" in await cli("network", "rm", "open", code=1)
        assert "skerry." not in await cli("network", "ls")
        await cli("network", "disconnect", "--force", "open", "open-endpoint")
        await cli("network", "disconnect", "open", "box")
        await cli("network", "connect", "open", "box")
        await cli("rm", "-f", "box")
        await cli("network", "rm", "open", "closed")
        assert "open" in await cli("network", "inspect", "open", code=1)  # the words are the CLI's own
        assert "open" not in await cli("network", "ls", "--format", "{{.Name}}")

    on_engine(check)


async def task_of(cli: Cli, **more: Any) -> Task:
    """A service with one task, and its container as the agent would have made it."""
    door = cli.door
    port = {"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8088, "PublishMode": "host"}
    key, _ = await create_service(
        door.store, spec("app", EndpointSpec={"Mode": "vip", "Ports": [port]}, **more)
    )
    service = door.store.view.services[key]
    status = TaskStatus(TaskState.RUNNING, 0, "started")
    template, endpoint = template_of(service.spec), endpoint_of(service.spec)
    task = Task("apptask", key, "app", "n", template, endpoint, 1, TaskState.RUNNING, status, slot=1)
    labels = {"com.docker.swarm.task.id": task.id, "com.docker.swarm.service.name": "app"}
    body: Raw = {"Image": "box:1", "Cmd": ["sh", "-c", "echo ready; sleep 1000"], "Labels": labels}
    body |= {"Healthcheck": {"Test": ["NONE"]}, "HostConfig": {"Binds": [f"{RUN_DIR}/tasks/x/s:/s"]}}
    container = await door.real.create_container(task.name, body)
    await door.real.start_container(container)
    status = TaskStatus(TaskState.RUNNING, 0, "started", container_id=container, pid=1)
    placed = Task("apptask", key, "app", "n", template, endpoint, 1, TaskState.RUNNING, status, slot=1)
    await door.store.update(lambda tx: tx.put(placed))
    door.health.states[task.id] = Healthy()
    return placed


def test_a_task_looks_as_docker_made_it(on_engine: Callable[[Check], None]) -> None:
    async def check(cli: Cli) -> None:
        await init(cli)
        health = {"Test": ["CMD", "true"], "Interval": 1_000_000_000}
        task = await task_of(cli, container={"Image": "box:1", "Healthcheck": health})
        line = await cli("ps", "--format", "{{.Image}} {{.Status}} {{.Ports}}")
        assert line.startswith("box:1 Up")
        assert "(healthy) 0.0.0.0:8088->80/tcp" in line
        for asked, names in [
            ("health=healthy", task.name),
            ("health=starting", ""),
            ("publish=8088", task.name),
            ("publish=80", ""),
            ("expose=80", task.name),
            ("is-task=true", task.name),
            ("label=com.docker.swarm.service.name=app", task.name),
        ]:
            assert await cli("ps", "--filter", asked, "--format", "{{.Names}}") == names, asked
        found = (await cli.json("inspect", task.name))[0]
        assert found["State"]["Health"]["Status"] == "healthy"
        assert found["Config"]["Healthcheck"] == health
        assert found["HostConfig"]["PortBindings"] == {"80/tcp": [{"HostIp": "", "HostPort": "8088"}]}
        assert (found["Mounts"], found["HostConfig"]["Binds"]) == ([], None)
        assert await cli("service", "logs", "--raw", "app") == "ready"
        assert "app.1.apptask" in await cli("service", "logs", "app")
        async with reading(await cli.start("events", "--format", "{{.Type}} {{.Action}}")) as out:
            await steady(cli.door)
            for listener in cli.door.health.listeners:
                listener(task, "healthy")
            assert await out.readline() == b"container health_status: healthy\n"
            await cli("config", "create", "one", "-", stdin=b"x")
            assert await out.readline() == b"config create\n"
            await cli("kill", task.name)
            assert await out.readline() == b"container kill\n"
        past = await cli(
            "events", "--since", "0", "--until", "2000", "--filter", "type=config", "--format", "{{.Action}}"
        )
        assert past == "create"

    on_engine(check)
