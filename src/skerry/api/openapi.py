"""/openapi.json: the routes that are not the engine's alone, described from the tables that serve them."""

from __future__ import annotations

import re

from skerry.api.route import Route, Table
from skerry.control.decode import RANGES
from skerry.model.objects import Raw
from skerry.model.shapes import LABELS, SHAPES

_KINDS: dict[str, Raw] = {
    "text": {"type": "string"},
    "flag": {"type": "string", "description": "false if empty, 0, no, false or none; else true"},
    "bool": {"type": "string", "enum": ["", "0", "1", "t", "f", "true", "false", "True", "False"]},
    "number": {"type": "integer", "minimum": 0},
    "filters": {"type": "string", "description": 'JSON: {"label": ["a=b"]} or {"label": {"a=b": true}}'},
}


def description(table: Table) -> Raw:
    """The OpenAPI document of a table of endpoints."""
    paths: dict[str, Raw] = {}
    for route in table:
        path = re.sub(r"\{(\w+):[^}]*\}", r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, path)
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "skerry",
            "version": "1",
            "description": "The Swarm part of the Docker Engine API; every path also with /vX.YY before it.",
        },
        "paths": paths,
        "components": {"schemas": {**{name: _object(name) for name in SHAPES}, "Error": _ERROR}},
    }


_ERROR: Raw = {"type": "object", "required": ["message"], "properties": {"message": {"type": "string"}}}


def _operation(route: Route, path: str) -> Raw:
    """One route as OpenAPI has it; all of it follows from the row."""
    handle = route.handle
    module, name = handle.__module__.rpartition(".")[2], getattr(handle, "__name__", "")
    operation: Raw = {
        "operationId": f"{module}.{name}.{route.method}",
        "summary": (handle.__doc__ or "").partition("\n")[0],
        "parameters": [
            *(_parameter(name, "path", _KINDS["text"]) for name in re.findall(r"\{(\w+)\}", path)),
            *(_parameter(name, "query", _KINDS[entry.kind]) for name, entry in route.query.items()),
        ],
        "responses": {
            "default": {
                "description": "the object, or the reason why not",
                "content": {"application/json": {"schema": {}}},
            }
        },
    }
    if route.body:
        schema = _schema(route.body if route.body in SHAPES else "object")
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _parameter(name: str, place: str, schema: Raw) -> Raw:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _object(name: str) -> Raw:
    fields = {key: _schema(kind.rstrip("?!")) for key, kind in SHAPES[name].items()}
    return {"type": "object", "properties": fields}


def _schema(kind: str) -> Raw:
    """The schema of a Go type, or a reference to it."""
    if kind in SHAPES:
        return {"$ref": f"#/components/schemas/{kind}"}
    if kind == "[]uint8":
        return {"type": "string", "format": "byte"}
    if kind.startswith("[]"):
        return {"type": "array", "items": _schema(kind[2:].removeprefix("*"))}
    if kind == LABELS:
        return {"type": "object", "additionalProperties": {"type": "string"}}
    if kind in RANGES:
        lowest, highest = RANGES[kind]
        return {"type": "integer", "minimum": lowest, "maximum": highest}
    if kind in ("bool", "object"):
        return {"type": "boolean" if kind == "bool" else "object"}
    return {"type": "number"} if kind == "float32" else {"type": "string"}
