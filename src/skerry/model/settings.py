"""Where one instance of skerry keeps its things; everything of it derives from these."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_NAME = "skerry"
DEFAULT_RUN_DIR = "/run/skerry"
DEFAULT_DATA_DIR = "/var/lib/skerry"


@dataclass(frozen=True)
class GatePaths:
    """What a gate has in the run directory."""

    run_dir: Path

    @property
    def control(self) -> Path:
        """Where skerryd says what shall be."""
        return self.run_dir / "gate.sock"

    @property
    def handover(self) -> Path:
        """Where the next gate, or skerryd, asks for the sockets."""
        return self.run_dir / "gate.hand"

    @property
    def door(self) -> Path:
        """Where skerryd leaves the API's socket."""
        return self.run_dir / "gate.door"

    @property
    def lock(self) -> Path:
        """Held by the gate that serves."""
        return self.run_dir / "gate.lock"

    @property
    def log(self) -> Path:
        """Its log, and its last words."""
        return self.run_dir / "gate.log"

    def lingering(self, pid: int | str = "*") -> str:
        """The name of a sign that a replaced gate still relays: `skerry down` ends it too."""
        return f"gate.lingers.{pid}"


@dataclass(frozen=True)
class EnginePaths:
    """What a private engine has in the run and the data directory."""

    run_dir: Path
    data_dir: Path

    @property
    def socket(self) -> Path:
        """Where it serves."""
        return self.run_dir / "engine.sock"

    @property
    def pid_file(self) -> Path:
        """Its process."""
        return self.run_dir / "engine.pid"

    @property
    def log(self) -> Path:
        """Its log."""
        return self.run_dir / "engine.log"

    @property
    def exec_root(self) -> Path:
        """What lives as long as its containers."""
        return self.run_dir / "engine"

    @property
    def data_root(self) -> Path:
        """Images, containers and volumes."""
        return self.data_dir / "engine"

    @property
    def configuration(self) -> Path:
        """Its daemon.json: the one in /etc/docker is about another engine."""
        return self.data_dir / "engine.json"

    @property
    def before(self) -> Path:
        """How the machine was before its first start."""
        return self.data_dir / "engine-before.json"


RUN_FILES = ("skerryd.*", "gate.*", "engine", "engine.*", "tasks", "resolv")
DATA_FILES = ("skerry.db*", ".skerry.db.*", "secret.key*", ".secret.key.*", "engine*.json")
"""Everything of an instance in its two directories, those of a private engine's data root left out."""


@dataclass(frozen=True)
class Settings:
    """Paths are absolute. `name` tells instances on one machine apart (kernel table, namespace, context)."""

    run_dir: str = DEFAULT_RUN_DIR
    data_dir: str = DEFAULT_DATA_DIR
    socket: str = ""
    name: str = DEFAULT_NAME
    engine: str | None = None
    """The engine's socket (`unix://…`), `private` for one of our own, or None to choose."""

    @property
    def api_socket(self) -> str:
        """Where the Docker API is served."""
        return self.socket or f"{self.run_dir}/docker.sock"

    @property
    def database(self) -> str:
        """The state."""
        return f"{self.data_dir}/skerry.db"

    @property
    def key_file(self) -> str:
        """The key of what is secret in the state, unless the swarm has an unlock key."""
        return f"{self.data_dir}/secret.key"

    @property
    def pid_file(self) -> str:
        """The daemon's process ID, locked as long as it runs."""
        return f"{self.run_dir}/skerryd.pid"

    @property
    def log_file(self) -> str:
        """The log of a detached daemon."""
        return f"{self.run_dir}/skerryd.log"

    @property
    def failure_file(self) -> str:
        """Why the daemon that was started last could not start, or broke; not there while it serves."""
        return f"{self.run_dir}/skerryd.error"

    @property
    def files_dir(self) -> str:
        """Configs and secrets of tasks, on a tmpfs."""
        return f"{self.run_dir}/tasks"

    @property
    def resolv_dir(self) -> str:
        """The /etc/resolv.conf of tasks, on a tmpfs."""
        return f"{self.run_dir}/resolv"

    def arguments(self) -> list[str]:
        """The settings as options of a command line."""
        found = ["--run-dir", self.run_dir, "--data-dir", self.data_dir, "--name", self.name]
        found += ["--socket", self.api_socket]
        return found + (["--engine", self.engine] if self.engine else [])
