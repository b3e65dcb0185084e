"""Swarm's answers as a file: by stack, asker and question; what a single resolver answers otherwise, by its
name."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tests.names.stacks import Question, Stack, stacks
from tests.names.swarm import Answers

RECORDED = Path(__file__).with_name("swarm.json")
OTHERS = "*"

Row = str | dict[str, str]


Table = dict[str, dict[str, Row]]
"""By asker and question."""


def write(tables: Mapping[str, Table]) -> None:
    """Write down the answers about all stacks that there are."""
    kept = {stack.name: tables[stack.name] for stack in stacks() if stack.name in tables}
    RECORDED.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


def table(answers: Answers) -> Table:
    """The answers about a stack as they are written down."""
    rows: Table = {}
    for question, row in answers.items():
        rows.setdefault(question.asker, {})[question.text] = folded(row)
    return rows


def folded(row: Mapping[str, str]) -> Row:
    """One answer, where all resolvers agree; else the most frequent one, and those of the others."""
    ((common, count), *_) = Counter(row.values()).most_common(1)
    if count == len(row):
        return common
    return {OTHERS: common, **{name: text for name, text in row.items() if text != common}}


def recorded(stack: Stack) -> dict[Question, Row]:
    """What Swarm answers about a stack. LookupError where a question was not recorded."""
    rows = json.loads(RECORDED.read_text()).get(stack.name, {})
    try:
        return {question: rows[question.asker][question.text] for question in stack.questions}
    except KeyError as error:
        raise LookupError(f"{stack.name}: {error} is not recorded: python -m tests.names.record") from error


def answer(row: Row, resolver: str) -> str:
    """A resolver's answer."""
    return row if isinstance(row, str) else row.get(resolver, row[OTHERS])


def unasked() -> list[str]:
    """Answers that are recorded and that no question asks for any more."""
    asked = {
        (stack.name, question.asker, question.text) for stack in stacks() for question in stack.questions
    }
    rows = [
        (stack, asker, text)
        for stack, askers in json.loads(RECORDED.read_text()).items()
        for asker, texts in askers.items()
        for text in texts
    ]
    return [" ".join(row) for row in rows if row not in asked]
