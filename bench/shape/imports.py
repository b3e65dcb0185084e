"""Which module imports which, and the circles among them. Imports for type checking alone count as well."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from bench.shape.source import Module

Graph = Mapping[str, set[str]]


def import_graph(modules: Iterable[Module]) -> Graph:
    """Each module's imports of others of the same package."""
    modules = list(modules)
    names = {module.name for module in modules}
    return {module.name: set(_imports(module, names)) - {module.name} for module in modules}


def _imports(module: Module, names: set[str]) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(module, node)
            for alias in node.names:
                submodule = f"{source}.{alias.name}"
                if submodule in names or source in names:
                    yield submodule if submodule in names else source


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    """The name of the module that a `from` names, dots in front resolved."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    package = parts[: len(parts) - node.level + module.is_package]
    return ".".join([*package, node.module] if node.module else package)


def circles(graph: Graph) -> list[list[str]]:
    """The groups of modules that import each other, however far round: Tarjan's components of two or more."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in order:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], order[other])
        if low[name] == order[name]:
            place = stack.index(name)
            group, stack[place:] = stack[place:], []
            if len(group) > 1:
                groups.append(sorted(group))

    for name in sorted(graph):
        if name not in order:
            visit(name)
    return groups
