"""The two systems and a bare engine: three engines of one version and the same settings, a namespace each."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from demo.ending import undisturbed
from demo.settings import EXAMPLE, Settings
from demo.watch import Api, wait_for
from harness.images import BOX, box_tar, story_tar, unmount_below
from harness.net import Net, run
from harness.processes import kill_all
from harness.world import World

RESOLVER = """\
    location / {
        resolver 127.0.0.11 valid=1s ipv6=off;
        set $app http://app:8080;
        proxy_pass $app;
    }"""
"""The kernel here has no IPVS, so Swarm's service has no VIP: nginx looks the tasks up, each second."""


class System(Protocol):
    """What an item needs of either."""

    name: str
    net: Net
    root: Path

    def docker(self, *words: str, check: bool = True, timeout: float = 90) -> str:
        """The docker CLI; its output."""

    def api(self) -> Api:
        """Reads of the API."""

    @property
    def engine_socket(self) -> Path:
        """The engine itself, behind whatever stands before it."""

    @property
    def api_socket(self) -> Path:
        """Where clients go."""

    def stack_file(self) -> Path:
        """The story's stack, as this system runs it best."""

    def load_settings(self) -> Settings:
        """For the story's clients."""


class Skerry(World):
    """A whole skerry."""

    @property
    def engine_socket(self) -> Path:
        return self.run_dir / "engine.sock"

    @property
    def api_socket(self) -> Path:
        return self.socket

    def docker(self, *words: str, check: bool = True, timeout: float = 90) -> str:
        """The docker CLI, called as the peer's is: the way into a namespace alone takes a millisecond."""
        env = {**self.env, "DOCKER_HOST": f"unix://{self.socket}"}
        return run("docker", *words, check=check, timeout=timeout, env=env, cwd=self.root).strip()

    def stack_file(self) -> Path:
        """The example as it is."""
        return self.example() / "docker-compose.yml"

    def load_settings(self) -> Settings:
        return self.story_settings()


class Engine:
    """A bare dockerd: what it takes is the floor of every item."""

    kind = "bare"

    def __init__(self) -> None:
        self.net = Net()
        self.name = f"{self.kind}{self.net.tag}"
        self.root = Path(tempfile.mkdtemp(prefix="skp", dir="/tmp"))
        unwanted = {"DOCKER_HOST", "DOCKER_CONTEXT"}
        kept = {name: value for name, value in os.environ.items() if name not in unwanted}
        self._env = {
            **kept,
            "DOCKER_HOST": f"unix://{self.api_socket}",
            "DOCKER_CONFIG": str(self.root / "c"),
        }

    @property
    def engine_socket(self) -> Path:
        return self.root / "d.sock"

    @property
    def api_socket(self) -> Path:
        return self.engine_socket

    def start(self) -> None:
        """The engine and its images."""
        run("mount", "-t", "tmpfs", "-o", "mode=0755,size=4g", "skerry-peer", str(self.root))
        self.net.make()
        (self.root / "c").mkdir()
        words = ["dockerd", "--host", f"unix://{self.engine_socket}", "--data-root", str(self.root / "data")]
        words += ["--exec-root", str(self.root / "x"), "--pidfile", str(self.root / "d.pid")]
        with (self.root / "log").open("w") as log:
            subprocess.Popen(
                self.net.within(words),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        ping = ["curl", "-sf", "--unix-socket", str(self.engine_socket), "http://d/_ping"]
        wait_for(lambda: run(*ping, check=False) == "OK", "the peer's engine answers", 60)
        change = ["--change", 'CMD ["sleep", "1000000"]', "--change", 'ENV PATH="/bin"']
        self.docker("import", *change, str(box_tar()), BOX)
        self.docker("load", "--input", str(story_tar()), timeout=120)

    def close(self) -> None:
        """Everything of it goes."""
        with undisturbed():
            try:
                kill_all(self.root, [self.net.inside, self.net.outside])
            finally:
                self.net.remove()
                unmount_below(self.root)
                run("umount", "-l", str(self.root), check=False)
                shutil.rmtree(self.root, ignore_errors=True)

    def docker(self, *words: str, check: bool = True, timeout: float = 90) -> str:
        return run("docker", *words, check=check, timeout=timeout, env=self._env, cwd=self.root).strip()

    def api(self) -> Api:
        return Api(self.api_socket)

    def stack_file(self) -> Path:
        raise NotImplementedError("a bare engine has no stacks")

    def load_settings(self) -> Settings:
        return Settings(client_netns=self.net.inside)


class Swarm(Engine):
    """A dockerd in Swarm mode."""

    kind = "peer"

    def start(self) -> None:
        super().start()
        self.docker("swarm", "init", "--advertise-addr", "10.99.0.2")

    def stack_file(self) -> Path:
        """The example without a VIP for app, and with an nginx that looks its tasks up."""
        place = self.root / "story"
        if not place.exists():
            shutil.copytree(EXAMPLE, place)
            site = place / "web" / "site.conf"
            site.write_text(
                site.read_text().replace("    location / { proxy_pass http://app:8080; }", RESOLVER)
            )
            file = place / "docker-compose.yml"
            file.write_text(
                file.read_text().replace("replicas: 2", "replicas: 2\n      endpoint_mode: dnsrr")
            )
        return place / "docker-compose.yml"


@contextmanager
def three() -> Iterator[dict[str, System]]:
    """`swarm` and `skerry`, in swarm mode, and `floor`, all with the images `box:1` and the story's."""
    swarm, floor, skerry = Swarm(), Engine(), Skerry(images=["box", "story"])
    try:
        swarm.start()
        floor.start()
        with skerry:
            skerry.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
            yield {"swarm": swarm, "skerry": skerry, "floor": floor}
    finally:
        floor.close()
        swarm.close()
