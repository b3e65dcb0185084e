"""Asks a socket what a transcript asked, and tells how the answers differ."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from demo.patience import PATIENCE
from tests.transcripts import machine
from tests.transcripts.compare import Bindings, differences
from tests.transcripts.deliberate import LIST, SOMETIMES
from tests.transcripts.record import at_times
from tests.transcripts.settle import settle
from tests.transcripts.transcript import Command, Exchange
from tests.transcripts.wire import ask, get

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
    engine: Path
    """The socket of the engine behind it, which knows the machine."""
    patience: float = PATIENCE_S
    bindings: Bindings = field(default_factory=Bindings)
    commands: int = 0
    answers: list[Answer] = field(default_factory=list)
    looks: int = 1
    """At so many looks in a row the swarm must be at rest before the next command."""

    def session(self, name: str, commands: Iterable[Command]) -> list[Difference]:
        """How a session's answers differ."""
        start, found = time.time(), []
        for command in commands:
            settle(self.socket, looks=self.looks)
            self.looks = _looks_after(command)
            self.commands += 1
            for recorded in command.exchanges:
                found += self._exchange(partial(_differences, name, command.line, recorded), recorded, start)
        return found

    def _exchange(self, tell: Tell, recorded: Exchange, start: float) -> list[Difference]:
        try:
            target, body = self.bindings.fill(recorded.target), self.bindings.fill(recorded.asked)
            asked = Exchange(recorded.method, "", body, headers=recorded.headers)
        except KeyError as error:
            return tell([f"asks with {error}, which no answer had"])
        deadline = time.monotonic() + PATIENCE * self.patience
        while True:
            asked.target = at_times(target, start)
            found = ask(self.socket, asked)
            wanted = machine.filled(recorded, target, partial(get, self.engine))
            told, bindings = differences(wanted, found, self.bindings)
            left, _ = without_deliberate(tell(told))
            if not left or wanted.method != "GET" or time.monotonic() > deadline:
                self.answers += [] if left else [Answer(wanted, found, self.bindings)]
                self.bindings = bindings
                return tell(told)
            time.sleep(0.05)


def _looks_after(command: Command) -> int:
    """What a command wrote may not show at the first look. A network that was removed holds its subnet while
    its bridge stands, which skerry tries to remove every half second and nobody sees."""
    if any(one.method == "DELETE" and "/networks/" in one.target for one in command.exchanges):
        return 8
    return 2 if any(one.method in ("POST", "DELETE") for one in command.exchanges) else 1


Tell = Callable[[list[str]], list[Difference]]


def _differences(session: str, command: str, wanted: Exchange, told: list[str]) -> list[Difference]:
    request = f"{wanted.method} {wanted.target}"
    return [Difference(session, command, request, what) for what in told]


def without_deliberate(
    found: Iterable[Difference], api_version: str = ""
) -> tuple[list[Difference], list[str]]:
    """What is left when the deliberate ones are taken away, and the reasons that were needed for nothing.

    Those are the ones that an engine of this version should have shown.
    """
    left, needed = [], set()
    for one in found:
        fits = [each for each in LIST + SOMETIMES if each.fits(one.command, one.request, one.what)]
        needed |= set(fits[:1])
        left += [] if fits else [one]
    return left, [each.reason for each in LIST if each not in needed and each.since <= api_version]
