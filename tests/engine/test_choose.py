"""Which engine is taken, and what is said where none can be."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skerry.engine import embedded
from skerry.engine.admit import EngineRefused, admit
from skerry.engine.choose import Choice, EngineOptions, adopted, choose_engine, running_engine
from skerry.engine.client import connect_engine
from skerry.engine.embedded import Embedded
from skerry.engine.port import EngineUnreachable
from skerry.model.identity import Identity
from skerry.model.objects import Raw
from tests.engine.dockerd import docker, namespace, run
from tests.support.engine_socket import engine_at


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="skt-") as path:
        yield Path(path)


def place(folder: Path, explicit: str | None = None, **more: Any) -> EngineOptions:
    """The place of an instance in a folder; `default.sock` stands for the machine's engine."""
    default = folder / "default.sock"
    return EngineOptions(
        folder, folder / "data", folder / "own.sock", explicit, default_socket=default, **more
    )


async def chosen(folder: Path, explicit: str | None = None, **more: Any) -> Choice:
    return await choose_engine(place(folder, explicit, **more))


def at(folder: Path, name: str) -> Identity:
    """The engine of that name, as it is stored."""
    return Identity(str(folder / name), id="A", root="/data", version={"Version": "20.10.24"})


async def admitted(path: Path, expected: Identity | None = None) -> Identity:
    engine = await connect_engine(str(path))
    try:
        return await admit(engine, expected, private=False)
    finally:
        await engine.close()


async def test_docker_host_comes_before_the_machines_own(folder: Path) -> None:
    async with engine_at(folder / "default.sock"):
        choice = await chosen(folder, f"unix://{folder}/explicit.sock")
        assert choice == Choice(str(folder / "explicit.sock"))


async def test_a_docker_host_that_is_skerry_itself_is_not_an_engine(folder: Path) -> None:
    async with engine_at(folder / "default.sock"), engine_at(folder / "own.sock"):
        choice = await chosen(folder, f"unix://{folder}/own.sock")
        assert choice.socket == str(folder / "default.sock")


@pytest.mark.case("B15")
@pytest.mark.parametrize("state", ["active", "locked", "pending", "error"])
async def test_an_engine_in_swarm_mode_is_refused_with_what_to_do(folder: Path, state: str) -> None:
    async with engine_at(folder / "default.sock", Swarm={"LocalNodeState": state}):
        with pytest.raises(EngineRefused, match=r"swarm mode itself.*swarm leave"):
            await admitted(folder / "default.sock")


@pytest.mark.case("B16")
@pytest.mark.parametrize(
    ("engine", "sentence"),
    [
        ({"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}, "is rootless"),
        (
            {"networks": [{"Id": "f" * 64, "Options": {"com.docker.network.bridge.name": "docker9"}}]},
            "in another network namespace",
        ),
        ({"networks": [{"Id": "f" * 64, "Options": {}}]}, "in another network namespace"),
    ],
)
async def test_an_engine_whose_containers_are_elsewhere_is_refused(
    folder: Path, engine: dict[str, Any], sentence: str
) -> None:
    async with engine_at(folder / "default.sock", **engine):
        with pytest.raises(EngineRefused, match=f"{sentence}.*DOCKER_HOST"):
            await admitted(folder / "default.sock")


@pytest.mark.case("B16")
@pytest.mark.parametrize("bridges", [[], ["lo"], ["docker9", "lo"]])
async def test_an_engine_with_a_bridge_here_or_none_at_all_is_taken(folder: Path, bridges: list[str]) -> None:
    networks = [{"Id": name, "Options": {"com.docker.network.bridge.name": name}} for name in bridges]

    async with engine_at(folder / "default.sock", networks=networks):
        assert (await admitted(folder / "default.sock")).id == "A"


@pytest.mark.case("B3")
@pytest.mark.parametrize(
    ("now", "version", "same"),
    [
        ({}, "20.10.24", True),
        ({"ID": "B"}, "20.10.24", False),
        ({"DockerRootDir": "/other"}, "20.10.24", False),
        ({"DockerRootDir": "/other"}, "26.1.5", True),  # its ID is kept with its data
        ({"ID": "B"}, "26.1.5", True),  # an upgrade gives a new one
        ({"ID": "B", "DockerRootDir": "/other"}, "26.1.5", False),
    ],
)
def test_an_engine_is_known_again(now: Raw, version: str, same: bool) -> None:
    stored = Identity("s", id="A", root="/data", version={"Version": "20.10.24"})
    other = Identity(
        "s", id=now.get("ID", "A"), root=now.get("DockerRootDir", "/data"), version={"Version": version}
    )
    assert stored.is_now(other) == same
    assert Identity("s").is_now(other)


@pytest.mark.case("B3")
async def test_another_engine_in_the_place_of_the_swarms_is_refused(folder: Path) -> None:
    async with engine_at(folder / "default.sock", ID="B"):
        with pytest.raises(EngineRefused, match=r"not the one that has this swarm's.*--adopt-engine"):
            await admitted(folder / "default.sock", at(folder, "default.sock"))
        assert (await admitted(folder / "default.sock", Identity("s"))).id == "B"


@pytest.mark.case("B3")
async def test_the_engine_of_a_swarm_is_waited_for_and_no_other_is_taken(folder: Path) -> None:
    gone = at(folder, "gone.sock")
    async with engine_at(folder / "default.sock"):
        for in_use in (True, False):
            assert await chosen(folder, stored=gone, in_use=in_use) == Choice(gone.socket, awaited=True)
        with pytest.raises(EngineRefused, match=r"gone\.sock.*default\.sock.*--adopt-engine"):
            await chosen(folder, f"unix://{folder}/default.sock", stored=gone, in_use=True)
        with pytest.raises(EngineRefused, match="--adopt-engine"):
            await chosen(folder, "private", stored=gone, in_use=True)
        free = await chosen(folder, f"unix://{folder}/default.sock", stored=gone)
        assert free.socket == str(folder / "default.sock")


@pytest.mark.case("B3")
async def test_a_swarm_whose_engine_was_never_written_down_gets_no_new_private_one(folder: Path) -> None:
    choice = await chosen(folder, in_use=True)
    assert choice == Choice(str(folder / "default.sock"), awaited=True)
    (folder / "data" / "engine" / "containers").mkdir(parents=True)
    assert (await chosen(folder, in_use=True)).private is not None


@pytest.mark.case("B3")
async def test_a_private_engine_without_its_data_is_refused(folder: Path) -> None:
    lost = Identity(str(folder / "engine.sock"), private=True, id="A", root=str(folder / "data/engine"))
    with pytest.raises(EngineRefused, match=r"data are gone.*--adopt-engine"):
        await chosen(folder, stored=lost, in_use=True)
    assert (await chosen(folder, stored=Identity(lost.socket, private=True), in_use=True)).private
    (folder / "data" / "engine" / "containers").mkdir(parents=True)
    assert (await chosen(folder, "private", stored=lost, in_use=True)).private


@pytest.mark.case("B3")
def test_an_engine_is_adopted_where_the_user_says_or_where_the_other_was(folder: Path) -> None:
    before = at(folder, "default.sock")
    other = folder / "other.sock"
    assert adopted(place(folder, stored=before)) == Identity(before.socket)
    assert adopted(place(folder, f"unix://{other}", stored=before)) == Identity(str(other))
    assert adopted(place(folder, "private", stored=before)) == Identity(
        str(folder / "engine.sock"), private=True
    )
    assert adopted(place(folder)) is None


async def test_what_runs_already_is_found_and_nothing_is_started(folder: Path) -> None:
    async def found(explicit: str | None = None, stored: Identity | None = None) -> str:
        engine = await running_engine(place(folder, explicit, stored=stored))
        if engine is None:
            return ""
        await engine.close()
        return Path(engine.socket).name

    async with engine_at(folder / "own.sock"):
        assert await found() == ""
        async with engine_at(folder / "default.sock", Swarm={"LocalNodeState": "active"}):
            assert await found() == "default.sock"
            assert await found(f"unix://{folder}/own.sock") == "default.sock"
            assert await found(f"unix://{folder}/nobody.sock") == ""
            assert await found("private") == ""
            assert await found(stored=at(folder, "nobody.sock")) == ""
            async with engine_at(folder / "engine.sock"):
                assert await found() == "engine.sock"
                assert await found(stored=at(folder, "default.sock")) == "default.sock"


async def test_an_engine_elsewhere_is_refused(folder: Path) -> None:
    with pytest.raises(EngineUnreachable, match="on this machine"):
        await chosen(folder, "tcp://10.0.0.1:2375")


async def test_another_dockerd_here_is_never_joined_by_a_second(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: "/bin/false")
    monkeypatch.setattr(embedded, "neighbours", lambda name: [4711])
    with pytest.raises(EngineUnreachable, match=r"process 4711.*DOCKER_HOST"):
        await Embedded(folder, folder / "data").start()


async def test_a_private_engine_leaves_the_machines_own_alone(folder: Path) -> None:
    async with engine_at(folder / "default.sock"):
        choice = await chosen(folder, "private")
        assert choice.private is not None
        assert choice.socket == str(folder / "engine.sock")


async def test_no_engine_and_no_dockerd_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    with pytest.raises(EngineUnreachable, match=r"apt-get install docker\.io"):
        await Embedded(folder, folder / "data").start()


async def test_a_run_directory_too_deep_for_sockets_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: "/bin/false")
    with pytest.raises(EngineUnreachable, match="more than 107 bytes"):
        await Embedded(folder / ("d" * 80), folder / "data").start()


async def test_a_dockerd_that_will_not_start_gives_its_last_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = folder / "dockerd"
    script.write_text("#!/bin/sh\necho failed to start daemon: no cgroups\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name, path=None: str(script))
    with pytest.raises(EngineUnreachable, match="does not start: failed to start daemon: no cgroups"):
        await Embedded(folder, folder / "data").start()


LIFE = """
import asyncio, os, signal, sys
from pathlib import Path
from skerry.engine.embedded import Embedded
from skerry.engine.port import EngineUnreachable
folder = Path(sys.argv[1])
private = Embedded(folder, folder / "data")

async def life():
    await (await private.start()).close()
    print(private.pid, flush=True)
    verb = sys.argv[2]
    if verb == "reuse":  # somebody else, who lives, has the numbers of dockerd and its containerd
        for file in (private.paths.pid_file, private.paths.exec_root / "containerd" / "containerd.pid"):
            if file.exists():
                pid = int(file.read_text())
                os.kill(pid, signal.SIGKILL)
                while os.path.exists(f"/proc/{pid}/exe"):
                    await asyncio.sleep(0.01)
            file.write_text(str(os.getpid()))
    if verb == "kill":
        os.kill(private.pid, signal.SIGKILL)
    if verb in ("kill", "reuse"):
        async with asyncio.timeout(200):
            while True:
                try:
                    engine = await private.start()
                    break
                except EngineUnreachable:
                    await asyncio.sleep(0.5)
        print((await engine.get("/info"))["ContainersRunning"], flush=True)
        await engine.close()
    if verb == "stop":
        await private.stop(containers=True)

asyncio.run(life())
"""


@pytest.mark.engine
@pytest.mark.timeout(150)
def test_a_private_engine_that_was_killed_starts_whoever_has_its_number(folder: Path) -> None:
    with namespace(f"ske-{os.getpid()}") as net:
        try:
            lived = life(folder, net, "reuse")
        finally:
            life(folder, net, "stop")
    assert lived[-1] == "0"


def life(folder: Path, net: str, verb: str) -> list[str]:
    """What LIFE says in a network namespace."""
    words = ("nsenter", f"--net={net}", sys.executable, "-W", "error", "-c", LIFE, str(folder), verb)
    return run(*words).split()


@pytest.mark.engine
@pytest.mark.timeout(150)
def test_the_private_engine_is_found_again_survives_a_kill_and_ends(folder: Path) -> None:
    with namespace(f"ske-{os.getpid()}") as net:
        try:
            first = life(folder, net, "look")
            assert life(folder, net, "look") == first
            socket = f"{folder}/engine.sock"
            _import_box(socket)
            docker(socket, "run", "-d", "--name", "stays", "box:1", "/busybox", "sleep", "1000")
            assert life(folder, net, "kill")[-1] == "1"
        finally:
            life(folder, net, "stop")
        assert not Path(f"/proc/{first[0]}").exists()
        assert run("nsenter", f"--net={net}", sys.executable, "-c", HERE) == "[]"


HERE = "from skerry.linux.netns import neighbours; print(neighbours('dockerd'))"


def _import_box(socket: str) -> None:
    archive = subprocess.run(["tar", "-C", "/bin", "-c", "busybox"], capture_output=True, check=True).stdout
    docker(socket, "import", "-", "box:1", stdin=archive)
