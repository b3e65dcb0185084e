"""A machine of its own for one whole skerry: network namespace, directories, a private engine.

    with World(images=["story"]) as world:
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        world.run("curl", "-s", "http://127.0.0.1/")
        world.kill_skerryd(); world.up()
        world.reboot(); world.up()

The mount namespace is the host's; everything lies below one short directory in /tmp, and is gone afterwards.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from demo.ending import undisturbed
from demo.patience import PATIENCE
from demo.settings import CHECKOUT, EXAMPLE, search_path
from demo.settings import Settings as StorySettings
from demo.watch import Api
from harness.hanging import engine_at_work
from harness.images import BOX, box_tar, story_tar, unmount_below
from harness.net import Net, run
from harness.processes import kill, kill_all
from skerry.model.settings import Settings

UPDATES_BETWEEN = 5
"""So often the state of an update may come between the CLI's reading and writing of a service."""


class World:
    """One instance in a namespace. `images`: "story" and "box" are loaded into its engine; `up` starts it;
    `resolv_conf` is the file that it has for /etc/resolv.conf, instead of this machine's."""

    def __init__(
        self, images: Iterable[str] = (), *, up: bool = True, resolv_conf: Path | None = None
    ) -> None:
        self.net = Net(resolv_conf)
        self.name = f"t{self.net.tag}"
        self.root = Path(tempfile.mkdtemp(prefix="sk", dir="/tmp"))
        self.run_dir = self.root / "r"
        self.data_dir = self.root / "d"
        self.socket = self.run_dir / "docker.sock"
        self.engine = "private"  # never the host's: its socket is in the same file system
        self._images = tuple(images)
        self._up = up
        unwanted = {"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"}
        kept = {name: value for name, value in os.environ.items() if name not in unwanted}
        self.env = {
            **kept,
            "PATH": search_path(),
            "DOCKER_CONFIG": str(self.root / "c"),
            "DOCKER_BUILDKIT": "0",
        }

    def __enter__(self) -> World:
        try:
            # in memory: quick to fill, and gone with one umount
            run("mount", "-t", "tmpfs", "-o", "mode=0755,size=4g", "skerry-world", str(self.root))
            self.net.make()
            (self.root / "c").mkdir()
            if self._up:
                self.up()
                self.load(*self._images)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if kind is not None:
            print(self.logs())
        self.close()

    # What runs inside

    def run(self, *words: str, outside: bool = False, check: bool = True, timeout: float = 60) -> str:
        """A command inside (or on the outside host), with DOCKER_HOST at skerry's socket; its output."""
        env = {**self.env, "DOCKER_HOST": f"unix://{self.socket}"}
        return self._run(words, env, outside=outside, check=check, timeout=timeout)

    def docker(self, *words: str, check: bool = True, timeout: float = 90) -> str:
        """The docker CLI at skerry's socket; its output, stripped.

        The CLI reads a service before it writes it, and goes away before the update's state is written; that
        may come in between, here as in a Swarm. Then nothing was done, and it is asked again.
        """
        for _ in range(UPDATES_BETWEEN):
            try:
                return self.run("docker", *words, check=check, timeout=timeout).strip()
            except AssertionError as error:
                if "update out of sequence" not in str(error):
                    raise
        return self.run("docker", *words, check=check, timeout=timeout).strip()

    def as_container(self, container: str, *words: str, check: bool = True, timeout: float = 60) -> str:
        """A command of the host's in a container's network namespace, as in a shell there with every tool."""
        pid = self.inspect("container", container)["State"]["Pid"]
        return self.run("nsenter", f"--target={pid}", "--net", *words, check=check, timeout=timeout)

    def skerry(self, *words: str, check: bool = True, timeout: float = 90) -> str:
        """A skerry command for this instance. That of `status` says by its exit code whether all is well."""
        check = check and words[0] != "status"
        return self._run(self.command(*words), self.env, check=check, timeout=timeout)

    def command(self, *words: str) -> list[str]:
        """The command line of a skerry command for this instance; an empty `engine` leaves that to skerry."""
        where = ["--run-dir", str(self.run_dir), "--data-dir", str(self.data_dir), "--name", self.name]
        where += ["--engine", self.engine] if self.engine else []
        return ["skerry", *words, *where, "--socket", str(self.socket)]

    def attempt(self, *words: str, timeout: float = 90) -> tuple[int, str]:
        """A skerry command that may fail: its exit code and its output."""
        line = ["sh", "-c", '"$@"; echo "exit $?"', "sh", *self.command(*words)]
        said, _, code = self._run(line, self.env, timeout=timeout).rpartition("exit ")
        return int(code), said

    def tell_story(self, *words: str, timeout: float = 300) -> str:
        """`python -m demo` for this instance, which starts and purges it itself; what it said."""
        where = ["--run-dir", str(self.run_dir), "--data-dir", str(self.data_dir), "--name", self.name]
        line = [sys.executable, "-m", "demo", "--here", *where, *words]
        return self._run(line, self.env, cwd=CHECKOUT, timeout=timeout)

    def api(self) -> Api:
        """Reads of the Docker API."""
        return Api(self.socket)

    def story_settings(self, *, outside: bool = False, **more: Any) -> StorySettings:
        """For load clients and stories here; `outside` has the clients on the outside host."""
        where = self.net.outside if outside else self.net.inside
        host = "10.99.0.2" if outside else "127.0.0.1"
        return StorySettings(
            host=host,
            run_dir=self.run_dir,
            data_dir=self.data_dir,
            name=self.name,
            client_netns=where,
            **more,
        )

    def _run(
        self,
        words: Iterable[str],
        env: dict[str, str],
        *,
        cwd: Path | None = None,
        outside: bool = False,
        check: bool = True,
        timeout: float = 60,
    ) -> str:
        words = list(words)
        line = self.net.within(words, outside=outside)
        try:
            return run(*line, timeout=timeout, check=check, env=env, cwd=cwd or self.root)
        except subprocess.TimeoutExpired as error:
            said = f"{' '.join(words)} hangs. The engine:\n{engine_at_work(self.run_dir)}"
            raise AssertionError(said) from error

    # Its life

    def up(self) -> None:
        """Start skerry, detached."""
        self.skerry("up", "--detach")

    def spawn(self, *program: str, **env: str) -> subprocess.Popen[bytes]:
        """Start skerryd as a unit does, which waits for no answer: `program` is python's words for it."""
        settings = Settings(
            str(self.run_dir), str(self.data_dir), str(self.socket), self.name, self.engine or None
        )
        line = [sys.executable, *program, "up", *settings.arguments()]
        self.run_dir.mkdir(exist_ok=True)
        with Path(settings.log_file).open("ab") as log:
            return subprocess.Popen(
                self.net.within(line),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=CHECKOUT,
                env={**self.env, **env},
                start_new_session=True,
            )

    def down(self, *, purge: bool = False) -> str:
        """Stop it."""
        return self.skerry("down", *(["--purge", "--yes", "--volumes"] if purge else []))

    @property
    def pid(self) -> int:
        """skerryd's process."""
        return int((self.run_dir / "skerryd.pid").read_text())

    def kill_skerryd(self) -> None:
        """kill -9 of skerryd alone: gate, engine and tasks live on."""
        pid = self.pid
        kill(pid)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), "skerryd ends", 10)

    def reboot(self, *, plugged: bool = True) -> None:
        """Everything that a power cut takes: all processes, rules, links, namespaces, the run directory. The
        cable to the outside is there afterwards, unless told otherwise."""
        self._wipe()
        self.net.make(plugged=plugged)

    def load(self, *names: str) -> None:
        """Bring images into the engine: "box" (box:1) and "story" (all of the story's)."""
        for name in names:
            if name == "box":
                change = ["--change", 'CMD ["sleep", "1000000"]', "--change", 'ENV PATH="/bin"']
                self.docker("import", *change, str(box_tar()), BOX)
            else:
                self.docker("load", "--input", str({"story": story_tar}[name]()), timeout=120)

    def example(self) -> Path:
        """A copy of examples/story to deploy and to edit."""
        place = self.root / "story"
        if not place.exists():
            shutil.copytree(EXAMPLE, place)
        return place

    def deploy(self, stack: str = "story", **variables: str) -> str:
        """`docker stack deploy` of the example; what the CLI said."""
        pairs = [f"{name}={value}" for name, value in variables.items()]
        file = str(self.example() / "docker-compose.yml")
        return self.run("env", *pairs, "docker", "stack", "deploy", "--compose-file", file, stack)

    def logs(self) -> str:
        """The tails of all logs, ours before the engine's long one, for the report of a failed test."""
        parts = []
        for path in sorted(self.run_dir.glob("*.log"), key=lambda path: (path.name == "engine.log", path)):
            lines = path.read_text(errors="replace").splitlines()[-200:]
            parts.append(f"--- {path.name}\n" + "\n".join(lines))
        return "\n".join(parts)

    def close(self) -> None:
        """Everything of it goes, whatever state it is in."""
        with undisturbed():
            try:
                self._wipe()
            finally:
                run("umount", "-l", str(self.root), check=False)
                shutil.rmtree(self.root, ignore_errors=True)

    def _wipe(self) -> None:
        gate = f"skerry-gate-{self.name}"
        ids = self._container_ids()
        try:
            kill_all(self.root, [self.net.inside, self.net.outside, gate])
        finally:
            run("ip", "netns", "del", gate, check=False)
            self.net.remove()
            unmount_below(self.root)
        shutil.rmtree(self.run_dir, ignore_errors=True)
        for place in Path("/sys/fs/cgroup").glob("*/docker/*"):
            if place.name in ids:
                with contextlib.suppress(OSError):
                    place.rmdir()

    def _container_ids(self) -> set[str]:
        return {path.name for path in (self.data_dir / "engine" / "containers").glob("*")}

    def inspect(self, kind: str, name: str) -> dict[str, Any]:
        """`docker KIND inspect NAME`."""
        found: list[dict[str, Any]] = json.loads(self.docker(kind, "inspect", name))
        return found[0]


def wait_until(condition: Callable[[], object], what: str, timeout: float = 30) -> None:
    """Ask until it is so; AssertionError after `timeout` seconds of a machine at rest."""
    deadline = time.monotonic() + PATIENCE * timeout
    while not condition():
        assert time.monotonic() < deadline, f"after {PATIENCE * timeout:g} s still not so: {what}"
        time.sleep(0.04)
