"""Where one instance of skerry keeps its things; everything of it derives from these."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_NAME = "skerry"
DEFAULT_RUN_DIR = "/run/skerry"
DEFAULT_DATA_DIR = "/var/lib/skerry"


class GatePaths:
    """What a gate has in the run directory."""

    LINGERING = "gate.lingers.*"
    """Signs of replaced gates that still relay, each with a process ID: `skerry down` ends them too."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.control = run_dir / "gate.sock"
        self.handover = run_dir / "gate.hand"  # where the next gate, or skerryd, asks for the sockets
        self.door = run_dir / "gate.door"  # where skerryd leaves the API's socket
        self.lock = run_dir / "gate.lock"
        self.log = run_dir / "gate.log"

    def lingering(self, pid: int) -> Path:
        """The sign of one."""
        return self.run_dir / self.LINGERING.replace("*", str(pid))


class EnginePaths:
    """What a private engine has in the run and the data directory."""

    def __init__(self, run_dir: Path, data_dir: Path) -> None:
        self.run_dir = run_dir
        self.socket = run_dir / "engine.sock"
        self.pid_file = run_dir / "engine.pid"
        self.log = run_dir / "engine.log"
        self.exec_root = run_dir / "engine"
        self.data_root = data_dir / "engine"
        self.configuration = data_dir / "engine.json"  # /etc/docker/daemon.json is about another engine
        self.before = data_dir / "engine-before.json"  # how the machine was before its first start


RUN_FILES = ("skerryd.*", "gate.*", "engine", "engine.*", "tasks", "resolv")
DATA_FILES = (
    "skerry.db*",
    ".skerry.db.*",
    "secret.key*",
    ".secret.key.*",
    "engine*.json",
    "audit.log*",
    "events.jsonl*",
    "backup",
    "restore",
)
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
    context: str = ""
    """The docker context, or the host, whose daemon a command asks in the place of this machine's; "" for a
    daemon itself."""

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
    def audit_file(self) -> str:
        """Who changed what, or tried to."""
        return f"{self.data_dir}/audit.log"

    @property
    def backup_dir(self) -> str:
        """What a backup is made of, as long as it is taken."""
        return f"{self.data_dir}/backup"

    @property
    def restore_dir(self) -> str:
        """What is restored, until it is in its places."""
        return f"{self.data_dir}/restore"

    @property
    def frozen_file(self) -> str:
        """Which containers stand still for a backup."""
        return f"{self.run_dir}/skerryd.frozen"

    @property
    def events_file(self) -> str:
        """What happened, for `skerry events`."""
        return f"{self.data_dir}/events.jsonl"

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
        options = ["--run-dir", self.run_dir, "--data-dir", self.data_dir, "--name", self.name]
        options += ["--socket", self.api_socket]
        return options + (["--engine", self.engine] if self.engine else [])
