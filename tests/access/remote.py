"""A user of a world's API over the network: by the docker CLI, and by requests of any spelling."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.world import UPDATES_BETWEEN, World

ADDRESS = "tcp://127.0.0.1:2376"


@dataclass(frozen=True)
class Remote:
    """Somebody with a directory of certificates."""

    world: World
    folder: Path

    @classmethod
    def added(cls, world: World, name: str, role: str, *more: str) -> Remote:
        """A new user."""
        folder = world.root / f"user-{name}"
        world.skerry("user", "add", name, "--role", role, "--out", str(folder), *more)
        return cls(world, folder)

    def docker(self, *words: str, check: bool = True, timeout: float = 90) -> str:
        """The docker CLI over TLS; its output, stripped."""
        files = ("--tlscacert", "ca.pem"), ("--tlscert", "cert.pem"), ("--tlskey", "key.pem")
        flags = [word for flag, file in files for word in (flag, str(self.folder / file))]
        line = ("docker", "--tlsverify", *flags, "--host", ADDRESS, *words)
        for _ in range(UPDATES_BETWEEN):
            try:
                return self.world.run(*line, check=check, timeout=timeout).strip()
            except AssertionError as error:
                if "update out of sequence" not in str(error):
                    raise
        return self.world.run(*line, check=check, timeout=timeout).strip()

    def ask(self, method: str, path: str, body: Any = None, *more: str) -> tuple[int, Any]:
        """The status and the JSON of an answer; 0 where there was none."""
        data = body if isinstance(body, str) else json.dumps(body)
        sent = (
            ["--header", "Content-Type: application/json", "--data-binary", data] if body is not None else []
        )
        certificates = ["--cacert", "ca.pem", "--cert", "cert.pem", "--key", "key.pem"]
        words = [word if word.startswith("--") else str(self.folder / word) for word in certificates]
        line = [
            "curl",
            "--silent",
            "--globoff",
            "--path-as-is",
            "--max-time",
            "60",
            "--request",
            method,
            *words,
            *sent,
        ]
        url = ADDRESS.replace("tcp://", "https://") + path
        said = self.world.run(*line, "--write-out", "\n%{http_code}", *more, url, check=False)
        text, _, status = said.rpartition("\n")
        try:
            return int(status), json.loads(text)
        except ValueError:
            return int(status), text

    def answers(self) -> bool:
        """Whether there is any answer at all."""
        return self.ask("GET", "/_ping")[0] != 0


def audited(world: World, last: int = 1000) -> list[dict[str, Any]]:
    """The last entries of the audit log."""
    said = world.skerry("audit", "--json", "--last", str(last))
    return [json.loads(line) for line in said.splitlines()]
