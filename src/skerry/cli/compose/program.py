"""Compose itself: the one that came with skerry, or a newer one of the machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PLUGIN = "docker-compose"
FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
"""Where the docker CLI looks for plugins, after the user's own folder."""
SWARM = "Swarm"
"""Compose warns of every key that only a swarm heeds: here it is heeded."""
_LOG = re.compile(r'^time="[^"]*" level=(\w+) msg=(".*")$')


class ComposeFailed(Exception):
    """Compose refused; the message is its own, with file and line where it knows them."""


@dataclass(frozen=True)
class ComposeProgram:
    """One binary of Compose."""

    path: str

    def version(self) -> tuple[int, ...]:
        """Its version; empty where it does not say one."""
        words = [self.path, "version", "--short"]
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
        match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", done.stdout.strip())
        return tuple(map(int, match.groups())) if match else ()

    def run(self, words: Sequence[str], text: str | None = None) -> ComposeAnswer:
        """Its standard output, and its warnings. Raises ComposeFailed."""
        done = subprocess.run(
            [self.path, *words],
            input="" if text is None else text,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, "NO_COLOR": "1", "COMPOSE_ANSI": "never"},
        )
        warnings, rest = _told(done.stderr)
        if done.returncode:
            raise ComposeFailed("\n".join(rest) or f"{self.path} exited {done.returncode}")
        return ComposeAnswer(done.stdout, warnings)


@dataclass(frozen=True)
class ComposeAnswer:
    """What Compose said."""

    text: str
    warnings: list[str] = field(default_factory=list)


def find(environment: Mapping[str, str] = os.environ) -> ComposeProgram:
    """The newest: a plugin of the docker CLI, if it is newer than the one that came with skerry."""
    present = [ComposeProgram(str(path)) for path in _candidates(environment) if os.access(path, os.X_OK)]
    if not present:
        raise ComposeFailed(
            f"there is no docker-compose beside {sys.executable}: "
            "install skerry again, or the docker CLI's plugin of that name"
        )
    return max(present, key=ComposeProgram.version) if len(present) > 1 else present[0]


def _candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    """The own one first: of two of one version, it is taken."""
    yield Path(sys.executable).with_name(PLUGIN)
    own = environment.get("DOCKER_CONFIG") or str(Path(environment.get("HOME", "/root")) / ".docker")
    yield from (Path(folder) / PLUGIN for folder in (f"{own}/cli-plugins", *FOLDERS))


def _told(stderr: str) -> tuple[list[str], list[str]]:
    """Warnings, and all other lines."""
    warnings, rest = [], []
    for line in filter(None, (line.strip() for line in stderr.splitlines())):
        match = _LOG.match(line)
        text = line if match is None else _unquoted(match[2])
        if match is None or match[1] != "warning":
            rest.append(text)
        elif SWARM not in text:
            warnings.append(text)
    return warnings, rest


def _unquoted(text: str) -> str:
    return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
