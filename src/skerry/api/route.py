"""An endpoint as data: where it is, what it reads of a request, and the function that answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from skerry.api.call import Call
from skerry.api.query import Parameter
from skerry.control.scope.endpoint_access import UNDECIDED, Access

Handler = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Route:
    """One row of a table of routes; `/openapi.json` follows from these, and a handler reads what they say."""

    method: str
    path: str
    handle: Handler
    body: str = ""
    """Go's name of the body's type, where one is read."""
    query: Mapping[str, Parameter] = field(default_factory=dict)
    access: Access = UNDECIDED
    """Who beside an administrator may ask it, and about what; nobody where nothing is said."""


Table = list[Route]
