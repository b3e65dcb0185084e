"""The ways in which a service of a release is broken, and what is to be said of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from skerry.cli.deploy import codes
from skerry.model.objects import Raw
from tests.atomic.compose_file import NAMES

TAKEN = 8199
"""A port of the machine that another process has."""


@dataclass(frozen=True)
class Break:
    """What is otherwise in the service's part of the file, and in the file; the exit code of `skerry deploy`;
    expressions for the reason that it prints, and for a line that the task said last."""

    name: str
    service: Raw
    cause: str
    file: Raw = field(default_factory=dict)
    code: int = codes.ROLLED_BACK
    log: str = ""
    serves: bool = False
    """Whether it is ready for a while, so that those that wait for it begin."""

    @property
    def refused(self) -> bool:
        """Whether nothing of it is begun."""
        return self.code == codes.INVALID

    def applied(self, compose: Raw, service: str) -> Raw:
        """The file with this service broken."""
        services = {**compose["services"], service: _merged(compose["services"][service], self.service)}
        return {**_merged(compose, self.file), "services": services}

    def missing(self, said: str, service: str) -> list[str]:
        """What is not named in what the command said, as expressions."""
        wanted = [rf"{service}\b.*{self.cause}", *([rf"^\s+\| {self.log}"] if self.log else [])]
        return [words for words in wanted if not re.search(words, said, re.MULTILINE)]


BREAKS = (
    Break(
        "image missing",
        {"image": "nowhere.invalid/none:1", "pull_policy": "missing"},
        r"[Nn]o such image: nowhere\.invalid/none:1",
    ),
    Break(
        "crash at start",
        {"command": "sh -c 'echo no such table; exit 3'"},
        r"non-zero exit \(3\)",
        log="no such table",
    ),
    Break(
        "crash after 2 s",
        {"command": "sh -c 'python3 -S /app.py & sleep 2; echo lost the disk; exit 4'"},
        r"non-zero exit \(4\)",
        log="lost the disk",
        serves=True,
    ),
    Break(
        "never healthy",
        {"healthcheck": {"test": ["CMD", "false"], "start_period": "0s"}},
        "unhealthy container",
    ),
    Break(
        "config missing",
        {"configs": [{"source": "absent", "target": "/absent"}]},
        "config not found: absent",
        file={"configs": {"absent": {"external": True}}},
        code=codes.INVALID,
    ),
    Break(
        "port taken",
        {"ports": [f"{TAKEN}:8080"], "deploy": {"labels": {"skerry.update.deadline": "3s"}}},
        rf"{TAKEN}.*in use",
    ),
)


def plan() -> Iterator[tuple[str, Break]]:
    """Services and how each is broken, without an end. Every six of them have all ways, and each service
    once; after thirty each service was broken in five ways, and each way was tried on five services."""
    turn = 0
    while True:
        turn += 1
        for place, broken in enumerate(BREAKS):
            yield NAMES[(place + turn) % len(NAMES)], broken


def _merged(old: Raw, new: Raw) -> Raw:
    """Mappings are merged and lists joined; everything else is replaced."""
    both = {
        key: _merged(old[key], value)
        if isinstance(value, dict) and isinstance(old.get(key), dict)
        else [*old[key], *value]
        if isinstance(value, list) and isinstance(old.get(key), list)
        else value
        for key, value in new.items()
    }
    return {**old, **both}
