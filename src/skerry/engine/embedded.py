"""The private dockerd: started where this machine has no engine, and left running when skerryd ends.

It lives in a session of its own, keeps its tasks through its own restarts (live-restore), and is found
again by its pid file. Its log is `engine.log` in the run directory, its configuration `engine.json` in the
data directory: /etc/docker/daemon.json is about another engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import structlog

from skerry.engine import residue
from skerry.engine.client import DockerEngine, connect_engine
from skerry.engine.configuration import DAEMON_JSON, write_configuration
from skerry.engine.port import EngineUnreachable
from skerry.linux import mounts
from skerry.linux.netns import neighbours
from skerry.linux.processes import process_name
from skerry.logs import last_words
from skerry.model.settings import EnginePaths

log = structlog.get_logger()

SOCKET_LIMIT = 107
"""Bytes that a unix socket's path may have."""

LONGEST = "engine/containerd/containerd-debug.sock"
"""The longest of the sockets that dockerd makes below its exec root."""

ANSWER_S = 60.0
POLL_S = 0.05
STOP_S = 30.0
INSTALL = "no Docker Engine runs here and there is no dockerd to start one: apt-get install docker.io"


class StartFailed(EngineUnreachable):
    """It ended before it answered. After a `kill -9` that may be once or twice, as long as the containerd of
    the killed one is still running."""


class Embedded:
    """A private dockerd below `run_dir`, with its data in `data_dir`."""

    def __init__(self, run_dir: Path, data_dir: Path, users: Path = DAEMON_JSON) -> None:
        self.paths = EnginePaths(run_dir, data_dir)
        self.socket = str(self.paths.socket)
        self._users = users
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process, or 0 where none runs."""
        return _running(self.paths.pid_file, "dockerd")

    @property
    def has_data(self) -> bool:
        """Whether it ever ran, and what it kept is still there."""
        return self.paths.data_root.is_dir() and any(self.paths.data_root.iterdir())

    async def start(self) -> DockerEngine:
        """The engine, started unless it runs. Raises EngineUnreachable with the reason where it will not."""
        binary = self._checked()
        self._reap()
        if not self.pid and self._process is None:
            self._alone()
            self._spawn(binary)
        engine = await self._answer()
        if engine is None:
            raise StartFailed(
                f"the private dockerd does not start: {last_words(self.paths.log)} (see {self.paths.log})"
            )
        return engine

    def _alone(self) -> None:
        others = neighbours("dockerd")
        if others:
            raise EngineUnreachable(
                f"another dockerd runs here (process {others[0]}), and a second one would break its network: "
                "set DOCKER_HOST to unix:// and the path of its socket, or stop it"
            )

    async def stop(self, containers: bool = False) -> None:
        """End it, and first its containers where asked; without, they go on running."""
        pid = self.pid
        if pid:
            if containers:
                await self._stop_containers()
            os.kill(pid, signal.SIGTERM)
            if not await self._ended_within(STOP_S):
                os.kill(pid, signal.SIGKILL)
                await self._ended_within(STOP_S)
        if containers:
            self._unmount()

    async def purge(self) -> None:
        """Remove its containers and networks, end it, and put back what it changed on the machine."""
        if self.pid:
            engine = await self.start()
            await _empty(engine)
            await engine.close()
        await self.stop(containers=True)
        if not neighbours("dockerd"):
            await asyncio.to_thread(residue.put_back, self.paths.before)

    @property
    def volumes(self) -> list[str]:
        """The named volumes that it keeps, whether it runs or not."""
        folder = self.paths.data_root / "volumes"
        if not folder.is_dir():
            return []
        return sorted(path.name for path in folder.iterdir() if path.is_dir() and not is_anonymous(path.name))

    def remove_data(self, *, volumes: bool) -> None:
        """Remove what it kept, once it has ended; its volumes only where asked, if it has named ones."""
        keep = "" if volumes or not self.volumes else "volumes"
        for path in list(self.paths.data_root.glob("*")):
            if path.name != keep:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
        with contextlib.suppress(OSError):  # the volumes are in it, or it never was there
            self.paths.data_root.rmdir()

    def _unmount(self) -> None:
        """Dockerd leaves its data root mounted on itself, so that it could not be removed."""
        mounts.unmount_below(self.paths.data_root, self.paths.exec_root)

    def _checked(self) -> str:
        """Where dockerd is; refuses what cannot work before anything is made."""
        binary = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if binary is None:
            raise EngineUnreachable(INSTALL)
        if self.paths.data_root == self.paths.exec_root:
            raise EngineUnreachable(
                f"the run and the data directory must differ: both are {self.paths.run_dir}"
            )
        longest = self.paths.run_dir / LONGEST
        if len(os.fsencode(longest)) > SOCKET_LIMIT:
            raise EngineUnreachable(
                f"{self.paths.run_dir} is too long a path for the engine's sockets: {longest} has more than "
                f"{SOCKET_LIMIT} bytes, choose a shorter run directory"
            )
        return binary

    def _spawn(self, binary: str) -> None:
        """Start dockerd in a session of its own, after a note of how the machine was."""
        self.paths.run_dir.mkdir(parents=True, exist_ok=True)
        self.paths.data_root.mkdir(parents=True, exist_ok=True)
        residue.note(self.paths.before)
        # A containerd that the whole machine shares must not mix these containers with another engine's.
        realm = "skerry-" + hashlib.sha256(os.fsencode(self.paths.data_root)).hexdigest()[:8]
        write_configuration(self.paths.configuration, self._users)
        command = [binary, "--config-file", str(self.paths.configuration)]
        command += ["--host", f"unix://{self.socket}", "--live-restore"]
        command += ["--data-root", str(self.paths.data_root), "--exec-root", str(self.paths.exec_root)]
        command += ["--pidfile", str(self.paths.pid_file)]
        command += ["--containerd-namespace", realm, "--containerd-plugins-namespace", f"{realm}-plugins"]
        self._forget_ended()
        with self.paths.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _forget_ended(self) -> None:
        """Remove the pid files of processes that were killed. Dockerd takes whoever has that number by now
        for itself, or for its containerd, and does not start."""
        for pid_file, name in (
            (self.paths.pid_file, "dockerd"),
            (self.paths.exec_root / "containerd" / "containerd.pid", "containerd"),
        ):
            if not _running(pid_file, name):
                pid_file.unlink(missing_ok=True)

    async def _answer(self) -> DockerEngine | None:
        """The engine once it answers, or None where its process ends first."""
        try:
            async with asyncio.timeout(ANSWER_S):
                while True:
                    try:
                        return await connect_engine(self.socket)
                    except EngineUnreachable:
                        if self._failed():
                            return None
                    await asyncio.sleep(POLL_S)
        except TimeoutError as error:
            reason = f"the private dockerd does not answer within {ANSWER_S:.0f} s (see {self.paths.log})"
            raise EngineUnreachable(reason) from error

    def _failed(self) -> bool:
        """Whether the process is gone: ours by its exit status, one found by its pid."""
        return self._process.poll() is not None if self._process is not None else not self.pid

    async def _until_end(self) -> None:
        """Return when the process that runs has ended, by its pidfd."""
        pid = self.pid
        if not pid:
            return
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        try:
            watched = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            loop.add_reader(watched, ended.set)
            await ended.wait()
        finally:
            loop.remove_reader(watched)
            os.close(watched)
            self._reap()

    async def _ended_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._until_end()
        except TimeoutError:
            return False
        return True

    def _reap(self) -> None:
        """Take our own child's exit status, so that it does not stay as a zombie."""
        if self._process is not None and self._process.poll() is not None:
            self._process = None

    async def _stop_containers(self) -> None:
        engine = await connect_engine(self.socket)
        try:
            running = await engine.get_list("/containers/json")
            await asyncio.gather(*(engine.stop_container(str(item["Id"]), 10) for item in running))
        finally:
            await engine.close()


def _running(pid_file: Path, name: str) -> int:
    """The process of a pid file, or 0 where it has ended. The file outlives it: the name decides."""
    try:
        pid = int(pid_file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
    return pid if process_name(pid) == name else 0


async def _empty(engine: DockerEngine) -> None:
    """Off with everything that has left a mark on the machine: links, rules, mounts."""
    for container in await engine.get_list("/containers/json", all="true"):
        await engine.remove_container(str(container["Id"]))
    for network in await engine.get_list("/networks", filters='{"type": ["custom"]}'):
        await engine.remove_network(str(network["Id"]))


def is_anonymous(volume: str) -> bool:
    """Whether the engine made up a volume's name: it goes with its container."""
    return re.fullmatch(r"[0-9a-f]{64}", volume) is not None
