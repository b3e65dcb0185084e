"""Names while the engine is away: containers run on, and so do their names."""

from __future__ import annotations

import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import pytest

from harness.away import held, stopped
from harness.world import World, wait_until
from tests.names.programs import RESOLVERS, UNBUILT
from tests.names.stacks import stacks
from tests.names.swarm import names_world

AWAY_S = 60.0
BACK_S = 120.0
SLOW_S = 5.0
"""After so long a resolver asks a second time: the first question was not answered."""


class Asking:
    """A program in a container that asks the same questions round and round; `stop` gives what was answered
    otherwise than in the first round, or late."""

    def __init__(self, pid: int, program: Sequence[str], questions: Sequence[str]) -> None:
        line = ["nsenter", f"--target={pid}", "--net", "--mount", "--root", "--wd", *program]
        self._process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._questions = questions
        self._first = self._round()
        self._ended = threading.Event()
        self._wrong: Counter[str] = Counter()
        self.count = 0
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def _ask(self, question: str) -> tuple[str, float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        start = time.monotonic()
        self._process.stdin.write(f"{question}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip(), time.monotonic() - start

    def _round(self) -> list[str]:
        return [self._ask(question)[0] for question in self._questions]

    def _loop(self) -> None:
        while not self._ended.is_set():
            for question, first in zip(self._questions, self._first, strict=True):
                answer, took = self._ask(question)
                self.count += 1
                if answer != first:
                    self._wrong[f"{question}: {first} before, {answer} now"] += 1
                if took >= SLOW_S:
                    self._wrong[f"{question}: not answered at once"] += 1

    def stop(self) -> Counter[str]:
        """End it."""
        self._ended.set()
        self._thread.join(120)
        self._process.kill()
        self._process.communicate()
        return self._wrong


@pytest.mark.engine
@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.case("N9")
@pytest.mark.parametrize("away", [stopped, held])
def test_names_are_answered_while_the_engine_is_away(
    away: Callable[[World], AbstractContextManager[None]],
) -> None:
    (stack,) = stacks("plain")
    with names_world(built=False) as (swarm, world), swarm.deployed(stack) as symbols:
        # of what is too long for one datagram, another part comes each time
        questions = [
            symbols.fill(question.text)
            for question in stack.questions
            if question.asker == "client"
            and question.kind in ("A", "AAAA", "PTR")
            and question.name != "many.example.test"
        ]
        pid = world.inspect("container", swarm.container(stack, "client"))["State"]["Pid"]
        asking = [Asking(pid, RESOLVERS[resolver], questions) for resolver in UNBUILT]
        with away(world):
            threading.Event().wait(AWAY_S)
        counts = [program.count for program in asking]
        wrong = [program.stop() for program in asking]
        wait_until(lambda: world.attempt("status")[0] == 0, "the engine is back", BACK_S)
    assert all(count >= len(questions) for count in counts), counts
    assert not any(wrong), wrong
