"""What a run of the story can be told."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
EXAMPLE = CHECKOUT / "examples" / "story"
COMMANDS = CHECKOUT / "demo" / "commands"
"""The checkout's own commands, without what else its environment brings."""
CACHE = Path(os.environ.get("SKERRY_CACHE", CHECKOUT / ".cache" / "skerry"))
"""Where what is slow to make is kept: the base image and the tests' images."""


@dataclass(frozen=True)
class Pace:
    """The clients, and seconds between the requests of one of them: two cores must not be full of load."""

    kept: int = 16
    kept_every: float = 0.05
    fresh: int = 4
    fresh_every: float = 0.1
    loop_every: float = 0.01

    @property
    def connections(self) -> int:
        """How many clients there are, the loop included."""
        return self.kept + self.fresh + 1


@dataclass(frozen=True)
class Settings:
    """Where the story plays. The defaults are those of `make demo`: an instance of its own."""

    port: int = 80
    host: str = "127.0.0.1"
    """Where clients reach the published port."""
    run_dir: Path = Path("/run/skerry-demo")
    data_dir: Path = Path("/var/lib/skerry-demo")
    name: str = "skerry-demo"
    """The instance; the docker context and the network namespace bear its name."""
    here: bool = False
    """In the network namespace that it is started in, instead of one of its own."""
    client_netns: str = ""
    """A network namespace that clients and curl run in, so that they come from outside."""
    short: bool = False
    """Only deploy, update of app, update of web and rollback."""
    result: Path | None = None
    """A file that gets the result as JSON."""
    pace: Pace = field(default_factory=Pace)

    @property
    def socket(self) -> Path:
        """skerry's own Docker socket."""
        return self.run_dir / "docker.sock"

    @property
    def gate_netns(self) -> Path:
        """The network namespace of skerry's gate."""
        return Path("/run/netns", f"skerry-gate-{self.name}")

    def skerry(self, verb: str) -> str:
        """A skerry command line for this instance, which has an engine of its own."""
        where = ["--run-dir", str(self.run_dir), "--data-dir", str(self.data_dir)]
        return shlex.join(["skerry", *verb.split(), "--name", self.name, *where, "--engine", "private"])

    @property
    def url(self) -> str:
        """What clients ask for."""
        return f"http://{self.host}:{self.port}/"

    @property
    def inside(self) -> list[str]:
        """The words before a client's command that bring it into its namespace."""
        return ["nsenter", f"--net=/run/netns/{self.client_netns}"] if self.client_netns else []


def search_path() -> str:
    """PATH with the checkout's skerry first, and else the machine's own commands: no virtual environment's,
    by whatever path it is named, for the docker-compose in it is another than the machine's."""
    places = os.environ.get("PATH", "").split(os.pathsep)
    inherited = [place for place in places if not (Path(place).parent / "pyvenv.cfg").exists()]
    return os.pathsep.join([str(COMMANDS), *inherited, "/usr/sbin", "/sbin"])
