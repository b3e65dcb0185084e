"""/openapi.json: the routes that are not the engine's alone, described from the tables that serve them."""

from __future__ import annotations

import re

from skerry.api.call import Route, Table
from skerry.control.decode import RANGES
from skerry.control.shapes import LABELS, SHAPES
from skerry.model.objects import Raw

BODIES = {
    "POST /swarm/init": "swarm.InitRequest",
    "POST /swarm/join": "swarm.JoinRequest",
    "POST /swarm/update": "swarm.Spec",
    "POST /swarm/unlock": "swarm.UnlockRequest",
    "POST /nodes/{ref}/update": "swarm.NodeSpec",
    "POST /services/create": "swarm.ServiceSpec",
    "POST /services/{ref}/update": "swarm.ServiceSpec",
    "POST /configs/create": "swarm.ConfigSpec",
    "POST /configs/{ref}/update": "swarm.ConfigSpec",
    "POST /secrets/create": "swarm.SecretSpec",
    "POST /secrets/{ref}/update": "swarm.SecretSpec",
    "POST /networks/create": "types.NetworkCreateRequest",
    "POST /networks/{ref}/connect": "object",
    "POST /networks/{ref}/disconnect": "object",
    "POST /containers/create": "object",
}
"""What a route reads, by Docker's name of the type."""

_LISTED = ("filters:filters",)
_LOGS = ("stdout:flag", "stderr:flag", "follow:flag", "timestamps:flag", "details:flag", "since", "tail")
_VERSION = ("version:number",)
_ROTATIONS = ("rotateWorkerToken:bool", "rotateManagerToken:bool", "rotateManagerUnlockKey:bool")

QUERIES: dict[str, tuple[str, ...]] = {
    "POST /swarm/leave": ("force:flag",),
    "POST /swarm/update": (*_VERSION, *_ROTATIONS),
    "GET /nodes": _LISTED,
    "POST /nodes/{ref}/update": _VERSION,
    "DELETE /nodes/{ref}": ("force:flag",),
    "GET /services": (*_LISTED, "status:bool"),
    "GET /services/{ref}": ("insertDefaults:bool",),
    "POST /services/{ref}/update": (*_VERSION, "registryAuthFrom", "rollback"),
    "GET /services/{ref}/logs": _LOGS,
    "GET /tasks": _LISTED,
    "GET /tasks/{ref}/logs": _LOGS,
    "GET /configs": _LISTED,
    "POST /configs/{ref}/update": _VERSION,
    "GET /secrets": _LISTED,
    "POST /secrets/{ref}/update": _VERSION,
    "GET /networks": _LISTED,
    "GET /networks/{ref}": ("scope", "verbose:bool"),
    "POST /networks/prune": _LISTED,
    "GET /containers/json": (*_LISTED, "all:flag", "limit:number", "size:flag"),
    "POST /containers/create": ("name",),
    "GET /events": (*_LISTED, "since", "until"),
}
"""`name:kind` of the query parameters; a text where no kind is given."""

_KINDS: dict[str, Raw] = {
    "flag": {"type": "string", "description": "false if empty, 0, no, false or none; else true"},
    "bool": {"type": "string", "enum": ["", "0", "1", "t", "f", "true", "false", "True", "False"]},
    "number": {"type": "integer", "minimum": 0},
    "filters": {"type": "string", "description": 'JSON: {"label": ["a=b"]} or {"label": {"a=b": true}}'},
}


def description(table: Table) -> Raw:
    """The OpenAPI document of a table of routes."""
    paths: dict[str, Raw] = {}
    for method, path, route in table:
        shown = re.sub(r"\{(\w+):[^}]*\}", r"{\1}", path)
        paths.setdefault(shown, {})[method.lower()] = _operation(method, shown, route)
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


def _operation(method: str, path: str, route: Route) -> Raw:
    key = f"{method} {path}"
    owner = route.__module__.rpartition(".")[2]
    found: Raw = {
        "operationId": f"{owner}.{getattr(route, '__name__', '')}.{method}",
        "summary": (route.__doc__ or "").partition("\n")[0],
        "parameters": [_parameter(name, "path", "") for name in re.findall(r"\{(\w+)\}", path)],
        "responses": {
            "default": {
                "description": "the object, or the reason why not",
                "content": {"application/json": {"schema": {}}},
            }
        },
    }
    for entry in QUERIES.get(key, ()):
        name, _, kind = entry.partition(":")
        found["parameters"].append(_parameter(name, "query", kind))
    if key in BODIES:
        schema = _schema(BODIES[key])
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return found


def _parameter(name: str, place: str, kind: str) -> Raw:
    schema = _KINDS.get(kind, {"type": "string"})
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _object(name: str) -> Raw:
    fields = {key: _schema(kind.rstrip("?!")) for key, kind in SHAPES[name].items()}
    return {"type": "object", "properties": fields}


def _schema(kind: str) -> Raw:
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
