"""A world with a swarm, and compose files in it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

from harness.world import World


class Deploying:
    """Deploys files of a folder in a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.folder = Path(tempfile.mkdtemp(prefix="deploy-", dir=world.root))

    def write(self, text: str, name: str = "compose.yaml") -> Path:
        """A file."""
        path = self.folder / name
        path.write_text(dedent(text))
        return path

    def deploy(self, *words: str, timeout: float = 90) -> tuple[int, str]:
        """`skerry deploy` of compose.yaml; its exit code, and all that it said."""
        return self.world.attempt(
            "deploy", "--file", str(self.folder / "compose.yaml"), *words, timeout=timeout
        )

    def deployed(self, *words: str) -> str:
        """The same, which has to work."""
        code, said = self.deploy(*words)
        assert code == 0, said
        return said

    def skerry(self, *words: str) -> tuple[int, str]:
        """Another command of skerry's."""
        return self.world.attempt(*words)

    def run(self, verb: str, place: str, *command: str) -> tuple[int, str]:
        """A command whose own words come last; its exit code and its output."""
        line = ["sh", "-c", '"$@"; echo "exit $?"', "sh", *self.world.command(verb), place, *command]
        said, _, code = self.world.run(*line).rpartition("exit ")
        return int(code), said

    def services(self) -> dict[str, str]:
        """Each service of the world, and its replicas."""
        rows = self.world.docker("service", "ls", "--format", "{{.Name}} {{.Replicas}}").splitlines()
        return dict(row.split(maxsplit=1) for row in rows)

    def container(self, service: str) -> dict[str, Any]:
        """The inspection of a running container of a service."""
        label = f"label=com.docker.swarm.service.name={service}"
        (key, *_) = self.world.docker("ps", "--quiet", "--filter", label).split()
        return self.world.inspect("container", key)

    def clear(self, *stacks: str) -> None:
        """Remove stacks."""
        for stack in stacks:
            self.skerry("rm", stack)


def events(said: str) -> Sequence[dict[str, Any]]:
    """The lines of JSON that a command said."""
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]
