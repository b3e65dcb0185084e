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
from skerry.api.openapi import description
from skerry.api.query import FLAG, Parameter, Query
from skerry.api.route import Route

READERS = ("text", "number", "flag", "bool")
"""Methods of a query that read the parameter that they are given."""


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
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "call.filters":
            yield "filters"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            yield from _argument(node.func, node.args[0], texts)


def _argument(reader: ast.Attribute, argument: ast.expr, texts: list[Any]) -> Iterator[str]:
    if reader.attr not in READERS or ast.unparse(reader.value) != "call.query":
        return
    if isinstance(argument, ast.Constant):
        yield str(argument.value)
    else:  # a name that goes through some
        yield from (text for text in texts if isinstance(text, str))


each = pytest.mark.parametrize("endpoint", ROUTES, ids=lambda row: f"{row.method} {row.path}")


@each
def test_every_query_parameter_that_a_handler_reads_is_declared(endpoint: Route) -> None:
    assert isinstance(endpoint.handle, FunctionType)
    assert set(names_read(endpoint.handle, set())) <= endpoint.query.keys()


@each
def test_every_body_that_a_handler_reads_is_declared(endpoint: Route) -> None:
    source = inspect.getsource(sys.modules[endpoint.handle.__module__])
    assert "request.query" not in source
    reads = bool(re.search(r"\bcall\.(?:body|read)\(", inspect.getsource(endpoint.handle)))
    assert reads <= bool(endpoint.body)


def test_what_is_not_declared_cannot_be_read() -> None:
    query = Query(
        {"force": FLAG, "status": Parameter("bool", (1, 41))}, {"force": "1", "other": "1"}, (1, 40)
    )
    assert query.flag("force")
    with pytest.raises(KeyError, match="declares no parameter other"):
        query.text("other")


@pytest.mark.parametrize(("version", "read"), [((1, 40), False), ((1, 41), True)])
def test_a_parameter_means_nothing_to_clients_that_are_older(version: tuple[int, int], read: bool) -> None:
    assert Query({"status": Parameter("bool", (1, 41))}, {"status": "1"}, version).bool("status") is read


def test_every_endpoint_is_described_with_all_that_it_declares() -> None:
    paths = description(ROUTES)["paths"]
    assert sum(map(len, paths.values())) == len(ROUTES)
    for endpoint in ROUTES:
        shown = paths[re.sub(r"\{(\w+):[^}]*\}", r"{\1}", endpoint.path)][endpoint.method.lower()]
        assert {row["name"] for row in shown["parameters"] if row["in"] == "query"} == endpoint.query.keys()
        assert ("requestBody" in shown) is bool(endpoint.body)


def test_the_rotations_of_keys_are_described() -> None:
    parameters = description(ROUTES)["paths"]["/swarm/update"]["post"]["parameters"]
    assert {"rotateWorkerToken", "rotateManagerToken", "rotateManagerUnlockKey"} <= {
        row["name"] for row in parameters
    }
