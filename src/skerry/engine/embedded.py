"""The private dockerd: started where this machine has no engine, and left running when skerryd ends.

It lives in a session of its own, keeps its tasks through its own restarts (live-restore), and is found
again by its pid file. Its log is `engine.log` in the run directory.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import structlog

from skerry.engine import residue
from skerry.engine.client import DockerEngine, connect_engine
from skerry.engine.port import EngineUnreachable
from skerry.logs import last_words

log = structlog.get_logger()

SOCKET_LIMIT = 107
"""Bytes that a unix socket's path may have."""

LONGEST = "engine/containerd/containerd-debug.sock"
"""The longest of the sockets that dockerd makes below its exec root."""

ANSWER_S = 60.0
START_S = 30.0
"""After a `kill -9`, the first starts may fail (the containerd of the killed one is still running): until
then a start that failed is tried again."""

RETRY_S = 1.0
POLL_S = 0.05
STOP_S = 30.0
INSTALL = "no Docker Engine runs here and there is no dockerd to start one: apt-get install docker.io"


class Embedded:
    """A private dockerd below `run_dir`, with its data in `data_dir`."""

    def __init__(self, run_dir: Path, data_dir: Path) -> None:
        self.run_dir = run_dir
        self.data_root = data_dir / "engine"
        self._before = data_dir / "engine-before.json"
        self.exec_root = run_dir / "engine"
        self.pid_file = run_dir / "engine.pid"
        self.log = run_dir / "engine.log"
        self.socket = str(run_dir / "engine.sock")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process, or 0 where none runs. A pid file outlives its process: the name decides."""
        try:
            pid = int(self.pid_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0
        return pid if process_name(pid) == "dockerd" else 0

    async def start(self) -> DockerEngine:
        """The engine, started unless it runs. Raises EngineUnreachable with the reason where it will not."""
        binary = self._checked()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_S
        while True:
            if not self.pid:
                self._spawn(binary)
            engine = await self._answer()
            if engine is not None:
                return engine
            if loop.time() > deadline:
                said = f"the private dockerd does not start: {last_words(self.log)} (see {self.log})"
                raise EngineUnreachable(said)
            await asyncio.sleep(RETRY_S)

    async def keep(self) -> None:
        """An eternal task: start the engine again whenever it ends. To be cancelled before `stop`."""
        while True:
            await self._until_end()
            log.warning("the private engine has ended; starting it again", log=str(self.log))
            engine = await self.start()
            await engine.close()

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
        if not dockerds_here():
            await asyncio.to_thread(residue.put_back, self._before)

    def _unmount(self) -> None:
        """Dockerd leaves its data root mounted on itself, so that it could not be removed."""
        roots = (self.data_root, self.exec_root)
        for place in reversed(mount_points()):
            if any(place.is_relative_to(root) for root in roots):
                subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)

    def _checked(self) -> str:
        """Where dockerd is; refuses what cannot work before anything is made."""
        binary = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if binary is None:
            raise EngineUnreachable(INSTALL)
        if self.data_root == self.exec_root:
            raise EngineUnreachable(f"the run and the data directory must differ: both are {self.run_dir}")
        longest = self.run_dir / LONGEST
        if len(os.fsencode(longest)) > SOCKET_LIMIT:
            raise EngineUnreachable(
                f"{self.run_dir} is too long a path for the engine's sockets: {longest} has more than "
                f"{SOCKET_LIMIT} bytes, choose a shorter run directory"
            )
        return binary

    def _spawn(self, binary: str) -> None:
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self.data_root.mkdir(parents=True, exist_ok=True)
        residue.note(self._before)
        # A containerd that the whole machine shares must not mix these containers with another engine's.
        realm = "skerry-" + hashlib.sha256(os.fsencode(self.data_root)).hexdigest()[:8]
        command = [binary, "--host", f"unix://{self.socket}", "--live-restore"]
        command += ["--data-root", str(self.data_root), "--exec-root", str(self.exec_root)]
        command += ["--pidfile", str(self.pid_file)]
        command += ["--containerd-namespace", realm, "--containerd-plugins-namespace", f"{realm}-plugins"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

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
            said = f"the private dockerd does not answer within {ANSWER_S:.0f} s (see {self.log})"
            raise EngineUnreachable(said) from error

    def _failed(self) -> bool:
        """Whether the process is gone: ours by its exit status, one found by its pid."""
        return self._process.poll() is not None if self._process is not None else not self.pid

    async def _until_end(self) -> None:
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


async def _empty(engine: DockerEngine) -> None:
    """Off with everything that has left a mark on the machine: links, rules, mounts."""
    for container in await engine.get_list("/containers/json", all="true"):
        await engine.remove_container(str(container["Id"]))
    for network in await engine.get_list("/networks", filters='{"type": ["custom"]}'):
        await engine.remove_network(str(network["Id"]))


def mount_points() -> list[Path]:
    """What is mounted in this process's namespace, the oldest first."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return [Path(line.split()[4].replace("\\040", " ")) for line in lines]


def process_name(pid: int) -> str:
    """The name of a living process, or "" (zombies have ended)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    name, _, rest = stat.partition("(")[2].rpartition(")")
    return "" if rest.split()[0] == "Z" else name


def dockerds_here() -> list[int]:
    """Every dockerd in this process's network namespace."""
    here = Path("/proc/self/ns/net").stat().st_ino
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and process_name(int(folder.name)) == "dockerd":
            try:
                there = (folder / "ns" / "net").stat().st_ino
            except OSError:
                continue
            if there == here:
                found.append(int(folder.name))
    return sorted(found)
