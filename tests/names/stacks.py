"""The stacks that are asked about: compose files with a few fields of ours.

`x-host` is added to the host's resolv.conf before the stack is deployed, `x-before` and `x-after` are
commands around that, and `x-ask` the questions: who asks, for what kind of record, of which names. In a name,
`vip(web,back)` and the like stand for what is different in each swarm: see `symbols`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml

FOLDER = Path(__file__).parent / "stacks"


class Question(NamedTuple):
    """A task of the service, or the plain container, asks for records of a kind by a name."""

    asker: str
    kind: str
    name: str

    @property
    def text(self) -> str:
        """What the programs read, symbols apart."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Stack:
    """A stack and what is asked about it."""

    name: str
    path: Path
    host: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    questions: tuple[Question, ...]

    @staticmethod
    def read(path: Path) -> Stack:
        """The stack of a compose file."""
        fields = yaml.safe_load(path.read_text())
        return Stack(
            name=path.stem,
            path=path,
            host=fields.get("x-host", ""),
            before=tuple(fields.get("x-before", ())),
            after=tuple(fields.get("x-after", ())),
            questions=tuple(_questions(fields["x-ask"])),
        )


def _questions(askers: Mapping[str, Mapping[str, list[str]]]) -> Iterator[Question]:
    for asker, kinds in askers.items():
        for kind, names in kinds.items():
            for name in names:
                yield Question(asker, kind, name)


def stacks(*names: str) -> list[Stack]:
    """All stacks, or those of these names, in the order of the alphabet."""
    read = [Stack.read(path) for path in sorted(FOLDER.glob("*.yml"))]
    return [stack for stack in read if not names or stack.name in names]
