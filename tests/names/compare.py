"""Holds the answers of skerry against those of a genuine Swarm."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tests.names.answers import answer, recorded
from tests.names.deliberate import LIST, Deliberate
from tests.names.stacks import Question, Stack
from tests.names.swarm import Answers, Swarm


class Difference(NamedTuple):
    """A resolver's answer that is not what it answers in a genuine Swarm."""

    stack: str
    question: Question
    resolver: str
    swarm: str
    skerry: str


def lines(shown: Iterable[Difference]) -> Iterator[str]:
    """In words; resolvers that differ in the same way stand in one line."""
    resolvers: dict[tuple[str, Question, str, str], list[str]] = {}
    for stack, question, resolver, swarm, skerry in shown:
        resolvers.setdefault((stack, question, swarm, skerry), []).append(resolver)
    for (stack, (asker, kind, name), swarm, skerry), names in resolvers.items():
        yield f"{stack}: {asker} asks {kind} {name} by {', '.join(names)}: Swarm {swarm}; skerry {skerry}"


def differences(stack: Stack, answers: Answers) -> list[Difference]:
    """How the answers about a stack differ."""
    rows = recorded(stack)
    return [
        Difference(stack.name, question, resolver, answer(rows[question], resolver), text)
        for question, texts in answers.items()
        for resolver, text in texts.items()
        if text != answer(rows[question], resolver)
    ]


def without_deliberate(shown: Iterable[Difference]) -> tuple[list[Difference], list[Deliberate]]:
    """What is left when the deliberate ones are taken away, and the entries that no difference needs."""
    left, needed = [], set()
    for difference in shown:
        entry = next((entry for entry in LIST if _covers(entry, difference)), None)
        if entry is None:
            left.append(difference)
        else:
            needed.add(entry)
    return left, [entry for entry in LIST if entry not in needed]


def _covers(entry: Deliberate, difference: Difference) -> bool:
    stack, question, *rest = difference
    return entry.covers(stack, question.asker, question.text, *rest)


def compare(
    swarm: Swarm, asked: Sequence[Stack], resolvers: Sequence[str]
) -> tuple[list[Difference], list[Deliberate]]:
    """All differences about these stacks that are not deliberate, each printed at once; and the entries of
    deliberate ones that none needs."""
    shown: list[Difference] = []
    for stack in asked:
        with swarm.deployed(stack) as symbols:
            own = differences(stack, swarm.ask(stack, symbols, resolvers))
        left, _ = without_deliberate(own)
        shown += own
        print(f"{stack.name}: {len(stack.questions)} questions, {len(left)} differences", flush=True)
        for line in lines(left):
            print(f"  {line}", flush=True)
    return without_deliberate(shown)
