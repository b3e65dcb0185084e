"""Where one instance of skerry keeps its things; everything of it derives from these."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_NAME = "skerry"
DEFAULT_RUN_DIR = "/run/skerry"
DEFAULT_DATA_DIR = "/var/lib/skerry"


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
