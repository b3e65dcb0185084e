"""The core stays what it is: small functions, nothing that waits, nothing that asks for the time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import skerry.core

FILES = sorted(Path(next(iter(skerry.core.__path__))).glob("*.py"))
WAITING = ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith


def nodes() -> Iterator[ast.AST]:
    """Everything that stands in the core."""
    for path in FILES:
        yield from ast.walk(ast.parse(path.read_text()))


def test_nine_of_ten_functions_fit_on_a_page() -> None:
    lengths = sorted(
        node.end_lineno - node.lineno + 1
        for node in nodes()
        if isinstance(node, ast.FunctionDef) and node.end_lineno is not None
    )
    assert len(lengths) > 100
    assert lengths[len(lengths) * 9 // 10] <= 35


def test_nothing_waits_and_no_file_is_long() -> None:
    assert not [node for node in nodes() if isinstance(node, WAITING)]
    assert max(len(path.read_text().splitlines()) for path in FILES) <= 350
