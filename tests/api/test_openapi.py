"""The description of the API against the code that serves it: every route, and every query parameter read."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import pytest

from skerry.api.app import ROUTES
from skerry.api.call import Call, Route
from skerry.api.openapi import BODIES, QUERIES, description

READERS = ("text", "lenient", "strict")
"""Methods of a call that read the query parameter that they are given."""


def key_of(method: str, path: str) -> str:
    return f"{method} " + re.sub(r"\{(\w+):[^}]*\}", r"{\1}", path)


def names_read(function: FunctionType, seen: set[FunctionType]) -> Iterator[str]:
    """The query parameters that a function reads, and all functions of the API that it uses."""
    if function in seen:
        return
    seen.add(function)
    tree = ast.parse(inspect.getsource(function).lstrip())
    looped = [node.iter for node in ast.walk(tree) if isinstance(node, ast.For | ast.comprehension)]
    texts = [node.value for part in looped for node in ast.walk(part) if isinstance(node, ast.Constant)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            other = vars(sys.modules[function.__module__]).get(node.id)
            if isinstance(other, FunctionType) and other.__module__.startswith("skerry.api."):
                yield from names_read(other, seen)
        if isinstance(node, ast.Attribute) and node.attr in ("filters", "any_filters"):
            yield "filters"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            yield from _argument(node.func, node.args[0], texts)


def _argument(reader: ast.Attribute, argument: ast.expr, texts: list[Any]) -> Iterator[str]:
    reads = reader.attr in READERS and getattr(reader.value, "id", "") == "call"
    reads = reads or (reader.attr == "get" and ast.unparse(reader.value).endswith("query"))
    if not reads:
        return
    if isinstance(argument, ast.Constant):
        yield str(argument.value)
    else:  # a name that goes through some
        yield from (text for text in texts if isinstance(text, str))


ALL = [(key_of(method, path), route) for method, path, route in ROUTES]


@pytest.mark.parametrize(("key", "route"), ALL, ids=[key for key, _ in ALL])
def test_every_query_parameter_that_a_route_reads_is_described(key: str, route: Route) -> None:
    assert isinstance(route, FunctionType)
    read = set(names_read(route, set()))
    described = {entry.partition(":")[0] for entry in QUERIES.get(key, ())}
    assert read <= described


def test_what_a_parameter_is_read_by_is_known() -> None:
    assert all(hasattr(Call, name) for name in READERS)
    route = next(route for key, route in ALL if key == "POST /swarm/update")
    assert isinstance(route, FunctionType)
    rotations = {"rotateWorkerToken", "rotateManagerToken", "rotateManagerUnlockKey"}
    assert set(names_read(route, set())) == {"version", *rotations}


def test_every_route_is_described_and_nothing_else() -> None:
    keys = {key for key, _ in ALL}
    paths = description(ROUTES)["paths"]
    assert {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods} == keys
    assert QUERIES.keys() <= keys
    assert BODIES.keys() <= keys


@pytest.mark.parametrize(("key", "route"), ALL, ids=[key for key, _ in ALL])
def test_every_body_that_a_route_reads_is_described(key: str, route: Route) -> None:
    reads = bool(re.search(r"\bcall\.(?:body|read)\(", inspect.getsource(route)))
    assert reads <= (key in BODIES)
