"""Which engine is taken, and what is said where none can be."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from skerry.engine import choose
from skerry.engine.choose import Choice, choose_engine, running_engine
from skerry.engine.client import DockerEngine, connect_engine
from skerry.engine.embedded import Embedded
from skerry.engine.port import EngineUnreachable
from tests.engine.dockerd import docker, namespace, run


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="skt-") as path:
        yield Path(path)


@asynccontextmanager
async def engine_at(path: Path, swarm: str = "inactive", live_restore: bool = True) -> AsyncIterator[None]:
    """Something that answers like an engine, as far as choosing goes."""

    async def ping(request: web.Request) -> web.Response:
        return web.Response(text="OK", headers={"Api-Version": "1.41"})

    async def info(request: web.Request) -> web.Response:
        return web.json_response({"Swarm": {"LocalNodeState": swarm}, "LiveRestoreEnabled": live_restore})

    app = web.Application()
    app.add_routes([web.get("/_ping", ping), web.get("/v1.41/info", info)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(path)).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def chosen(folder: Path, explicit: str | None = None, default: str = "default.sock") -> Choice:
    choice = await choose_engine(folder, folder / "data", folder / "own.sock", explicit, folder / default)
    await choice.engine.close()
    return choice


def test_docker_host_comes_before_the_machines_own(folder: Path) -> None:
    async def check() -> None:
        async with engine_at(folder / "explicit.sock"), engine_at(folder / "default.sock"):
            choice = await chosen(folder, f"unix://{folder}/explicit.sock")
            assert (choice.engine.socket, choice.embedded) == (str(folder / "explicit.sock"), False)
            assert choice.warnings == []

    asyncio.run(check())


def test_a_docker_host_that_is_skerry_itself_is_not_an_engine(folder: Path) -> None:
    async def check() -> None:
        async with engine_at(folder / "default.sock"), engine_at(folder / "own.sock"):
            choice = await chosen(folder, f"unix://{folder}/own.sock")
            assert choice.engine.socket == str(folder / "default.sock")

    asyncio.run(check())


@pytest.mark.parametrize("state", ["active", "locked", "pending", "error"])
def test_an_engine_in_swarm_mode_is_refused_with_what_to_do(folder: Path, state: str) -> None:
    async def check() -> None:
        async with engine_at(folder / "default.sock", swarm=state):
            with pytest.raises(EngineUnreachable, match=r"swarm mode itself.*swarm leave"):
                await chosen(folder)

    asyncio.run(check())


def test_without_live_restore_there_is_a_warning(folder: Path) -> None:
    async def check() -> None:
        async with engine_at(folder / "default.sock", live_restore=False):
            choice = await chosen(folder)
            assert len(choice.warnings) == 1
            assert "live-restore" in choice.warnings[0]

    asyncio.run(check())


def test_what_runs_already_is_found_and_nothing_is_started(folder: Path) -> None:
    async def check() -> None:
        async def found(explicit: str | None = None) -> str:
            engine = await running_engine(folder, folder / "own.sock", explicit, folder / "default.sock")
            if engine is None:
                return ""
            await engine.close()
            return Path(engine.socket).name

        async with engine_at(folder / "own.sock"):
            assert await found() == ""
            async with engine_at(folder / "default.sock", swarm="active"):
                assert await found() == "default.sock"
                assert await found(f"unix://{folder}/own.sock") == "default.sock"
                assert await found(f"unix://{folder}/nobody.sock") == ""
                async with engine_at(folder / "engine.sock"):
                    assert await found() == "engine.sock"

    asyncio.run(check())


def test_an_engine_elsewhere_is_refused(folder: Path) -> None:
    with pytest.raises(EngineUnreachable, match="on this machine"):
        asyncio.run(chosen(folder, "tcp://10.0.0.1:2375"))


def test_an_engine_that_was_named_must_answer(folder: Path) -> None:
    with pytest.raises(EngineUnreachable, match="no Docker Engine answers"):
        asyncio.run(chosen(folder, f"unix://{folder}/nobody.sock"))


def test_another_dockerd_here_is_never_joined_by_a_second(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "dockerds_here", lambda: [4711])
    with pytest.raises(EngineUnreachable, match=r"process 4711.*DOCKER_HOST"):
        asyncio.run(chosen(folder))


def test_a_private_engine_leaves_the_machines_own_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def start(self: Embedded) -> DockerEngine:
        return await connect_engine(str(folder / "private.sock"))

    async def check() -> None:
        monkeypatch.setattr(Embedded, "start", start)
        monkeypatch.setattr(choose, "dockerds_here", list)
        async with engine_at(folder / "default.sock"), engine_at(folder / "private.sock"):
            choice = await chosen(folder, "private")
            assert (choice.engine.socket, choice.embedded) == (str(folder / "private.sock"), True)
            assert await running_engine(folder, folder / "own.sock", "private") is None

    asyncio.run(check())


def test_no_engine_and_no_dockerd_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    with pytest.raises(EngineUnreachable, match=r"apt-get install docker\.io"):
        asyncio.run(Embedded(folder, folder / "data").start())


def test_a_run_directory_too_deep_for_sockets_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: "/bin/false")
    with pytest.raises(EngineUnreachable, match="more than 107 bytes"):
        asyncio.run(Embedded(folder / ("d" * 80), folder / "data").start())


def test_a_dockerd_that_will_not_start_gives_its_last_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = folder / "dockerd"
    script.write_text("#!/bin/sh\necho failed to start daemon: no cgroups\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name, path=None: str(script))
    monkeypatch.setattr("skerry.engine.embedded.START_S", -1.0)
    with pytest.raises(EngineUnreachable, match="does not start: failed to start daemon: no cgroups"):
        asyncio.run(Embedded(folder, folder / "data").start())


LIFE = """
import asyncio, os, signal, sys
from pathlib import Path
from skerry.engine.choose import choose_engine
folder = Path(sys.argv[1])
where = (folder, folder / "data", folder / "own.sock", None, folder / "none.sock")

async def life():
    choice = await choose_engine(*where)
    assert choice.embedded and choice.private.pid, choice
    print(choice.private.pid, flush=True)
    await choice.engine.close()
    verb = sys.argv[2]
    if verb == "keep":
        keeping = asyncio.create_task(choice.private.keep())
        first = choice.private.pid
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(200):
            while choice.private.pid in (0, first):
                await asyncio.sleep(0.05)
            again = await choose_engine(*where)
            print((await again.engine.get("/info"))["ContainersRunning"], flush=True)
            await again.engine.close()
        keeping.cancel()
    if verb == "stop":
        await choice.private.stop(containers=True)

asyncio.run(life())
"""


@pytest.mark.engine
@pytest.mark.timeout(150)
def test_the_private_engine_is_found_again_survives_a_kill_and_ends(folder: Path) -> None:
    def life(net: str, verb: str) -> list[str]:
        return run(
            "nsenter", f"--net={net}", sys.executable, "-W", "error", "-c", LIFE, str(folder), verb
        ).split()

    with namespace(f"ske-{os.getpid()}") as net:
        try:
            first = life(net, "look")
            assert life(net, "look") == first
            socket = f"{folder}/engine.sock"
            _import_box(socket)
            docker(socket, "run", "-d", "--name", "stays", "box:1", "/busybox", "sleep", "1000")
            assert life(net, "keep")[-1] == "1"
        finally:
            life(net, "stop")
        assert not Path(f"/proc/{first[0]}").exists()
        assert run("nsenter", f"--net={net}", sys.executable, "-c", HERE) == "[]"


HERE = "from skerry.engine.choose import dockerds_here; print(dockerds_here())"


def _import_box(socket: str) -> None:
    archive = subprocess.run(["tar", "-C", "/bin", "-c", "busybox"], capture_output=True, check=True).stdout
    docker(socket, "import", "-", "box:1", stdin=archive)
