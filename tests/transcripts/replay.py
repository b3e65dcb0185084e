"""Asks a socket what a transcript asked, and tells how the answers differ."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.transcripts.compare import Bindings, differences
from tests.transcripts.deliberate import LIST, SOMETIMES
from tests.transcripts.record import at_times
from tests.transcripts.settle import settle
from tests.transcripts.transcript import Command, Exchange
from tests.transcripts.wire import ask

PATIENCE_S = 3.0
"""How long a GET is asked again until it answers as recorded: the recording waited too."""


@dataclass(frozen=True)
class Difference:
    """Where an answer differs from Swarm's."""

    session: str
    command: str
    request: str
    what: str

    def __str__(self) -> str:
        return f"{self.session}: {self.command}\n  {self.request}\n    {self.what}"


@dataclass(frozen=True)
class Answer:
    """What was wanted and what came, and what the marks stood for when it was asked."""

    wanted: Exchange
    found: Exchange
    bindings: Bindings


@dataclass
class Replay:
    """A run of transcripts against one socket; what marks stand for is kept from session to session."""

    socket: Path
    patience: float = PATIENCE_S
    bindings: Bindings = field(default_factory=Bindings)
    commands: int = 0
    answers: list[Answer] = field(default_factory=list)

    def session(self, name: str, commands: Iterable[Command]) -> list[Difference]:
        """How a session's answers differ."""
        start, found, wrote = time.time(), [], False
        for command in commands:
            settle(self.socket, looks=2 if wrote else 1)
            wrote = any(one.method in ("POST", "DELETE") for one in command.exchanges)
            self.commands += 1
            for wanted in command.exchanges:
                found += self._exchange(partial(_differences, name, command.line, wanted), wanted, start)
        return found

    def _exchange(self, tell: Tell, wanted: Exchange, start: float) -> list[Difference]:
        try:
            target = self.bindings.fill(wanted.target)
            asked = Exchange(wanted.method, "", self.bindings.fill(wanted.asked), headers=wanted.headers)
        except KeyError as error:
            return tell([f"asks with {error}, which no answer had"])
        deadline = time.monotonic() + self.patience
        while True:
            asked.target = at_times(target, start)
            found = ask(self.socket, asked)
            told, bindings = differences(wanted, found, self.bindings)
            left, _ = without_deliberate(tell(told))
            if not left or wanted.method != "GET" or time.monotonic() > deadline:
                self.answers += [] if told else [Answer(wanted, found, self.bindings)]
                self.bindings = bindings
                return tell(told)
            time.sleep(0.05)


Tell = Callable[[list[str]], list[Difference]]


def _differences(session: str, command: str, wanted: Exchange, told: list[str]) -> list[Difference]:
    request = f"{wanted.method} {wanted.target}"
    return [Difference(session, command, request, what) for what in told]


def without_deliberate(found: Iterable[Difference]) -> tuple[list[Difference], list[str]]:
    """What is left when the deliberate ones are taken away, and the reasons that were needed for nothing."""
    left, needed = [], set()
    for one in found:
        texts = (one.command, one.request, one.what)
        fits = [
            number
            for number, (*patterns, _) in enumerate(LIST + SOMETIMES)
            if all(map(re.search, patterns, texts))
        ]
        needed |= set(fits[:1])
        left += [] if fits else [one]
    return left, [entry[3] for number, entry in enumerate(LIST) if number not in needed]
