"""The source files of a package, read once, and what stands in them."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = Function | ast.ClassDef | ast.Module


@dataclass(frozen=True)
class Module:
    """One file: its dotted name, whether it is a package's `__init__`, its text and its syntax tree."""

    name: str
    is_package: bool
    text: str
    tree: ast.Module

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def functions(self) -> list[Function]:
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @cached_property
    def classes(self) -> list[ast.ClassDef]:
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)]

    @cached_property
    def comment_lines(self) -> int:
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return len({token.start[0] for token in tokens if token.type == tokenize.COMMENT})

    def code_lines(self) -> Iterator[tuple[int, str]]:
        """The numbers and texts of lines that are code: no blank ones, comments, docstrings or imports."""
        left_out = self._prose_and_imports()
        for number, line in enumerate(self.lines, 1):
            text = line.strip()
            if text and number not in left_out and not text.startswith("#") and any(map(str.isalnum, text)):
                yield number, text

    def _prose_and_imports(self) -> set[int]:
        numbers: set[int] = set()
        for node in ast.walk(self.tree):
            is_prose = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if isinstance(node, ast.stmt) and (is_prose or isinstance(node, ast.Import | ast.ImportFrom)):
                numbers.update(range(node.lineno, length(node) + node.lineno))
        return numbers


def read_package(root: Path) -> list[Module]:
    """Every module of the package whose folder is `root`."""
    modules = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        text = path.read_text(encoding="utf-8")
        name = ".".join(parts[:-1] if is_package else parts)
        modules.append(Module(name, is_package, text, ast.parse(text)))
    return modules


def length(node: ast.AST) -> int:
    """In lines, decorators left out."""
    first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", None) or 0
    return int(last) - int(first) + 1


def docstring(node: Documented) -> str:
    return ast.get_docstring(node) or ""


def is_public(name: str) -> bool:
    return not name.startswith("_")
