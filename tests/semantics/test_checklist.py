"""docs/semantics.md and docs/security.md: every behaviour, trap and threat names a test that there is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PAGE = CHECKOUT / "docs" / "semantics.md"
SECTIONS = [f"3.{number}" for number in range(1, 16)]
TRAPS = [str(number) for number in range(1, 61)]
HEADING = re.compile(r"## (3\.\d+|Traps)\b")
TEST = re.compile(r"`(tests/[\w/]+\.py)((?:::\w+)+)`")


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    section: str
    cells: tuple[str, ...]

    @property
    def tests(self) -> list[tuple[str, str]]:
        """File and name within it of each test that the last cell names."""
        return [(path, name.removeprefix("::")) for path, name in TEST.findall(self.cells[-1])]


def rows(text: str) -> Iterator[Row]:
    """The lines of all tables but for their heads, in order."""
    section, head = "", True
    for line in text.splitlines():
        if line.startswith("## "):
            match = HEADING.match(line)
            section = match[1] if match else ""
        elif not line.startswith("|"):
            head = True
        elif head:
            head = not set(line) <= set("|- ")
        else:
            yield Row(section, tuple(cell.strip() for cell in line.strip("|").split("|")))


@cache
def names_in(path: str) -> frozenset[str]:
    """The tests of a file: `test_x` and `TestX::test_x`."""
    found = set()
    for node in ast.parse((CHECKOUT / path).read_text()).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        functions = (one for one in inner if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
        found |= {f"{prefix}{one.name}" for one in functions if one.name.startswith("test_")}
    return frozenset(found)


def problems(text: str) -> list[str]:
    """What is wrong with a checklist."""
    found = list(rows(text))
    seen = list(dict.fromkeys(row.section for row in found))
    bad = [] if seen == [*SECTIONS, "Traps"] else [f"the sections are {seen}"]
    traps = [row.cells[0] for row in found if row.section == "Traps"]
    bad += [] if traps == TRAPS else [f"the traps are {traps}"]
    for row in found:
        bad += problems_of(row, cells=4 if row.section == "Traps" else 3)
    return bad


def problems_of(row: Row, cells: int) -> Iterator[str]:
    """What is wrong with one row of so many cells."""
    if len(row.cells) != cells or not all(row.cells):
        yield f"not {cells} cells with something in each: {row}"
    if not row.tests or TEST.sub("", row.cells[-1]).strip(", "):
        yield f"not a list of tests: {row}"
    for path, name in row.tests:
        if not (CHECKOUT / path).is_file() or name not in names_in(path):
            yield f"no such test: {path}::{name}"


def test_every_behaviour_names_a_test_that_there_is() -> None:
    assert problems(PAGE.read_text()) == []


def test_every_threat_names_a_test_that_tries_it() -> None:
    threats = list(rows((CHECKOUT / "docs" / "security.md").read_text()))
    assert threats
    assert [problem for row in threats for problem in problems_of(row, cells=3)] == []


@pytest.mark.parametrize(
    ("pattern", "instead", "complaint"),
    [
        (r"::test_a_desired_state_never_falls`", "::test_a_desired_state_falls`", "no such test"),
        (r"tests/semantics/test_tasks\.py", "tests/semantics/test_nothing.py", "no such test"),
        (r"\| `tests[^|]*test_a_desired_state_never_falls` \|", "| |", "not 3 cells"),
        (r"`tests[^|]*test_a_desired_state_never_falls`", "yes", "not a list of tests"),
        (r"\| same \|", "| |", "not 3 cells"),
        (r"\n\| 60 \|[^\n]*", "", "the traps are"),
        (r"## 3\.7 Jobs", "## Jobs", "the sections are"),
    ],
)
def test_a_fault_in_the_page_is_noticed(pattern: str, instead: str, complaint: str) -> None:
    text, changes = re.subn(pattern, instead, PAGE.read_text(), count=1)
    assert changes == 1
    assert any(complaint in problem for problem in problems(text))
