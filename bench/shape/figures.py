"""The figures of one package: sizes, names, documentation, structure."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from bench.shape.imports import circles, import_graph
from bench.shape.repeats import repeats
from bench.shape.source import Documented, Function, Module, docstring, is_public, length, read_package

DIALECT = frozenset({"found", "one", "told", "asked", "said", "seen"})
"""Names of variables and parameters that say nothing of what they are."""
LONG = 14
"""A function of so many lines says in a docstring what it does and why."""
NESTING = ast.If | ast.For | ast.AsyncFor | ast.While | ast.With | ast.AsyncWith | ast.Try | ast.Match


class Shape:
    """What is counted of the package whose folder is `root`."""

    def __init__(self, root: Path) -> None:
        self.modules = read_package(root)

    @cached_property
    def functions(self) -> list[Function]:
        return [function for module in self.modules for function in module.functions]

    @cached_property
    def classes(self) -> list[ast.ClassDef]:
        return [item for module in self.modules for item in module.classes]

    @cached_property
    def line_count(self) -> int:
        return sum(self.file_lengths)

    @cached_property
    def file_lengths(self) -> list[int]:
        return [len(module.lines) for module in self.modules]

    @cached_property
    def function_lengths(self) -> list[int]:
        return [length(function) for function in self.functions]

    @cached_property
    def parameter_counts(self) -> list[int]:
        return [len(list(_parameters(function))) for function in self.functions]

    @cached_property
    def nestings(self) -> list[int]:
        return [_depth(function.body) for function in self.functions]

    @cached_property
    def circles(self) -> list[list[str]]:
        return circles(import_graph(self.modules))

    @cached_property
    def classes_twice(self) -> list[str]:
        """Class names that stand for two classes or more."""
        return _twice(item.name for item in self.classes if is_public(item.name))

    @cached_property
    def modules_twice(self) -> list[str]:
        names = (PurePosixPath(module.name.replace(".", "/")).name for module in self.modules)
        packages = {module.name.rpartition(".")[2] for module in self.modules if module.is_package}
        return [name for name in _twice(names) if name != "__main__" and name not in packages]

    @cached_property
    def dialect(self) -> Counter[str]:
        """How often each of those names is bound."""
        return Counter(name for module in self.modules for name in _bound(module) if name in DIALECT)

    @cached_property
    def undocumented_long(self) -> list[str]:
        return [
            f"{module.name}.{function.name}"
            for module in self.modules
            for function in module.functions
            if length(function) >= LONG and not docstring(function)
        ]

    @cached_property
    def used_once(self) -> list[str]:
        """Private functions that their module names once, beyond their definition."""
        names = []
        for module in self.modules:
            uses = Counter(_names(module))
            names += [
                f"{module.name}.{function.name}"
                for function in module.functions
                if _is_private(function.name) and uses[function.name] == 1
            ]
        return names

    @cached_property
    def thin(self) -> int:
        """Functions whose body is one call that hands on what they were given."""
        return sum(map(_is_thin, self.functions))

    @cached_property
    def annotated(self) -> int:
        return sum(function.returns is not None for function in self.functions)

    @cached_property
    def broad_excepts(self) -> tuple[int, int]:
        """How many handlers catch everything; how many of them raise again."""
        handlers = [
            node
            for module in self.modules
            for node in ast.walk(module.tree)
            if isinstance(node, ast.ExceptHandler) and _is_broad(node)
        ]
        return len(handlers), sum(any(isinstance(n, ast.Raise) for n in ast.walk(h)) for h in handlers)

    @cached_property
    def public_docstrings(self) -> list[int]:
        """The words of each public function's docstring; 0 where there is none."""
        return [_words(function) for function in self.functions if is_public(function.name)]

    @cached_property
    def module_docstrings(self) -> list[int]:
        return [_words(module.tree) for module in self.modules]

    @cached_property
    def comment_lines(self) -> int:
        return sum(module.comment_lines for module in self.modules)

    @cached_property
    def repeats(self) -> list[tuple[tuple[str, int], tuple[str, int]]]:
        return repeats(self.modules)


def quantile(values: Sequence[int], share: float) -> int:
    ordered = sorted(values) or [0]
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _twice(names: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)


def _parameters(function: Function) -> Iterator[ast.arg]:
    given = function.args
    for parameter in [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]:
        if parameter is not None and parameter.arg not in ("self", "cls"):
            yield parameter


def _depth(body: Iterable[ast.AST]) -> int:
    """How deep blocks stand in blocks; functions within are counted by themselves."""
    deepest = 0
    for node in body:
        if isinstance(node, Documented):
            continue
        inner = _depth(ast.iter_child_nodes(node))
        deepest = max(deepest, inner + isinstance(node, NESTING))
    return deepest


def _bound(module: Module) -> Iterator[str]:
    """The names of variables and parameters, once for each binding."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def _names(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def _is_private(name: str) -> bool:
    return not is_public(name) and not name.endswith("__")


def _is_thin(function: Function) -> bool:
    body = [node for node in function.body if not isinstance(node, ast.Expr | ast.Pass)] or function.body
    if len(body) != 1 or not isinstance(body[0], ast.Return | ast.Expr):
        return False
    value = body[0].value
    value = value.value if isinstance(value, ast.Await) else value
    if not isinstance(value, ast.Call):
        return False
    parts = [*value.args, *(keyword.value for keyword in value.keywords)]
    handed_on = {parameter.arg for parameter in _parameters(function)}
    parts = [part.value if isinstance(part, ast.Starred) else part for part in parts]
    return bool(parts) and all(isinstance(part, ast.Name) and part.id in handed_on for part in parts)


def _is_broad(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in ("Exception", "BaseException")
    )


def _words(node: Documented) -> int:
    return len(docstring(node).split())
