"""Malformed requests, made from the shapes of request bodies and from the routes' queries.

Every field of a body gets every value that its kind should refuse or could stumble over; bodies are broken
as texts, too, and queries, references and headers get what does not belong there. The order never changes.
"""

from __future__ import annotations

import copy
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from skerry.model.shapes import SHAPES

Path = tuple[str | int, ...]
"""The keys that lead to a part of a body."""
SEED = 1
MAKES = ("services", "configs", "secrets", "networks")
"""What a request can make by mistake; it is removed again."""
VERSIONED = ("services", "nodes", "configs", "secrets")
LISTED = (*VERSIONED, "tasks", "networks")
DIGITS = "9" * 5_000


@dataclass(frozen=True)
class Request:
    """A request as it goes over the wire: target with its version, body as bytes."""

    method: str
    target: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        body = "" if self.body is None else f" {self.body[:300].decode(errors='replace')}"
        return f"{self.method} {self.target[:200]}{body}"


BASES: dict[str, tuple[str, dict[str, Any]]] = {
    "/services/create": (
        "swarm.ServiceSpec",
        {"Name": "bad", "TaskTemplate": {"ContainerSpec": {"Image": "nothere:1"}}},
    ),
    "/configs/create": ("swarm.ConfigSpec", {"Name": "bad", "Data": "YQ=="}),
    "/secrets/create": ("swarm.SecretSpec", {"Name": "bad", "Data": "YQ=="}),
    "/networks/create": ("types.NetworkCreateRequest", {"Name": "bad", "Driver": "overlay"}),
    "/nodes/nothere/update?version=1": (
        "swarm.NodeSpec",
        {"Role": "manager", "Availability": "active"},
    ),
    "/swarm/update?version=999999": ("swarm.Spec", {"Name": "default"}),
    "/swarm/init": ("swarm.InitRequest", {"ListenAddr": "127.0.0.1:2377"}),
}
"""A good body for each route; those with a version or a reference that is not there change nothing."""

_STRUCT: list[Any] = [[], "x", 5, True, {"Nothing": 1}]
_BY_KIND: dict[str, list[Any]] = {
    "string": [5, True, [], {}, None, "", "\x00", "é" * 70, "a" * 300, "{{", "{{.Nothing}}", " x "],
    "bool": ["true", 1, [], None, {}],
    "float32": ["0.5", -1, 1e39, 2, [], None],
    "[]uint8": [5, [1, 2], "!", "YQ", {}, None, ""],
    "map[string]string": [[], "x", {"a": 5}, {"a": None}, {"": "x"}, {"a": {}}, None],
}
_NUMBER: list[Any] = [-1, 1.5, "5", 2**31, 2**63, 2**64, 10**30, True, [], {}, None]

TEXTS: list[bytes] = [
    b"",
    b" ",
    b"{",
    b"[]",
    b"null",
    b"5",
    b'"x"',
    b'{"Name": "bad",}',
    b'{"Name": "bad"} {"Name": "worse"}',
    b'{"Name": "bad"} x',
    b"{'Name': 'bad'}",
    b'{"Name": "b\xffd"}',
    b'\xef\xbb\xbf{"Name": "bad"}',
    b'{"Name": "\\ud800"}',
    b'{"Name": "bad", "Name": 5}',
    b'{"Name": 01}',
    b'{"Name": 1e999}',
    b'{"Name": NaN}',
    b'{"name": "bad", "NAME": "\\u0000"}',
    b'{"Name": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    b'{"Name": ' + DIGITS.encode() + b"}",
]
_REFERENCES = ["nothere", "%00", "a%20b", "a" * 300, "..", "%2e%2e", "%ff", "-", "nothere%2fx", "%5b%5d"]
_FILTERS = [
    "x",
    "[]",
    "{",
    '{"nothing":["x"]}',
    '{"name":"x"}',
    '{"name":{"x":1}}',
    '{"id":[5]}',
    '{"label":{"a=b":true,"c":false}}',
    "null",
    "5",
    "[" * 2_000,
]
_FLAGS = ["zz", "2", "", "TRUE", DIGITS]
_NUMBERS = ["", "x", "-1", "1.5", "+1", " 1", "0x1", "1_0", "18446744073709551616", "²", DIGITS]
QUERIES: dict[str, list[str]] = {
    **{f"GET /{kind}?filters": _FILTERS for kind in LISTED},
    "GET /services?status": _FLAGS,
    "GET /services/nothere?insertDefaults": _FLAGS,
    "GET /networks/nothere?verbose": _FLAGS,
    "GET /networks/ingress?scope": ["zz", "local", ""],
    "DELETE /nodes/nothere?force": _FLAGS,
    "POST /networks/prune?filters": ['{"until":["x"]}', '{"until":["1h","2h"]}', '{"zz":["x"]}', "x"],
    **{f"POST /{kind}/nothere/update?version": _NUMBERS for kind in VERSIONED},
    "POST /services/there/update?version": _NUMBERS,
    "POST /services/there/update?version=1&rollback": ["zz", "previous", ""],
    "POST /services/there/update?version=1&registryAuthFrom": ["zz", "spec", ""],
    "POST /swarm/update?version": _NUMBERS,
    "POST /swarm/update?version=999999&rotateWorkerToken": _FLAGS,
    "POST /swarm/update?version=999999&rotateManagerUnlockKey": _FLAGS,
    "GET /services/there/logs?stdout=1&tail": ["x", "-1", "", "²", DIGITS],
    "GET /services/there/logs?stdout=1&since": ["x", "-1", "1.5", "²", DIGITS, "1h"],
    "GET /services/there/logs?since": ["0"],
    "GET /events?until=1&since": ["x", "-1", "²", DIGITS, "1h"],
    "GET /containers/json?limit": ["x", "1.5", DIGITS],
    "GET /containers/json?filters": ["x", '{"publish":["' + DIGITS + '"]}', '{"nothing":["x"]}'],
}


def requests(version: str) -> Iterator[Request]:
    """All of them, for one version of the API ("1.41"), in an order that mixes their kinds."""
    every = [request for group in _groups() for request in group]
    random.Random(SEED).shuffle(every)
    yield from (_versioned(request, version) for request in every)


def few(version: str, each: int) -> Iterator[Request]:
    """Some of each group."""
    for group in _groups():
        chosen = random.Random(SEED).sample(group, min(each, len(group)))
        yield from (_versioned(request, version) for request in chosen)


def _groups() -> list[list[Request]]:
    """Bodies by their route, and the other kinds."""
    bodies = [list(_bodies(target)) for target in BASES]
    return [*bodies, list(_texts()), list(_queries()), list(_references()), list(_headers())]


def _versioned(request: Request, version: str) -> Request:
    return Request(request.method, f"/v{version}{request.target}", request.body, request.headers)


def _bodies(target: str) -> Iterator[Request]:
    shape, base = BASES[target]
    for path, kind in _fields(shape):
        for value in _values(kind):
            if target == "/networks/create" and path == ("Driver",) and isinstance(value, str) and value:
                continue  # a plugin's name like any other, which an engine looks for as long as 15 s
            body = copy.deepcopy(base)
            _put(body, path, value)
            yield Request("POST", target, json.dumps(body).encode(), {"Content-Type": "application/json"})


def _fields(shape: str, path: Path = (), seen: tuple[str, ...] = ()) -> Iterator[tuple[Path, str]]:
    """Every field of a struct with its path; a list stands for its first element."""
    for name, mark in SHAPES[shape].items():
        kind = mark.rstrip("?!")
        here = (*path, name)
        yield here, kind
        inner = kind.strip("[]*")
        if inner in SHAPES and inner not in seen:
            yield from _fields(inner, (*here, 0) if kind.startswith("[]") else here, (*seen, inner))


def _values(kind: str) -> list[Any]:
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    if kind in SHAPES:
        return _STRUCT
    if kind.startswith("[]"):
        # null in the place of a pointer makes Swarm panic, and what it had locked stays so
        null = [] if kind.startswith("[]*") else [[None]]
        return [{}, "x", 5, [5], *null, [[]], [{"Nothing": 1}], None]
    if kind in ("int", "int64", "uint32", "uint64", "time.Duration", "fs.FileMode"):
        return _NUMBER
    return ["zz", 5, "", [], None, "HOST"]  # a string of which only some values are known


def _put(body: dict[str, Any], path: Path, value: Any) -> None:
    owner: Any = body
    for key, following in itertools.pairwise(path):
        if isinstance(owner, list) and not owner:
            owner.append({})
        elif isinstance(owner, dict) and key not in owner:
            owner[key] = [] if isinstance(following, int) else {}
        owner = owner[key]
    if isinstance(owner, list):
        owner.append(value)
    else:
        owner[path[-1]] = value


def _texts() -> Iterator[Request]:
    for target in BASES:
        for text in TEXTS:
            yield Request("POST", target, text, {"Content-Type": "application/json"})


def _queries() -> Iterator[Request]:
    for query, values in QUERIES.items():
        method, _, target = query.partition(" ")
        body = b"{}" if method == "POST" else None
        headers = {"Content-Type": "application/json"} if body else {}
        for value in values:
            yield Request(method, f"{target}={quote(value)}", body, headers)


def _references() -> Iterator[Request]:
    for kind in (*MAKES, "tasks", "nodes"):
        for reference in _REFERENCES:
            yield Request("GET", f"/{kind}/{reference}")
            if kind not in ("tasks", "nodes"):
                yield Request("DELETE", f"/{kind}/{reference}")


def _headers() -> Iterator[Request]:
    good = json.dumps(BASES["/configs/create"][1]).encode()
    service = json.dumps(BASES["/services/create"][1]).encode()
    kinds = ("text/plain", "", "application/json; charset=latin1", "APPLICATION/JSON", "application/json;")
    for kind in kinds:
        yield Request("POST", "/configs/create", good, {"Content-Type": kind})
    for auth in ("x", "e30=", "bm8=", "%", "{}", "W10=", "bnVsbA=="):
        headers = {"Content-Type": "application/json", "X-Registry-Auth": auth}
        yield Request("POST", "/services/create", service, headers)
