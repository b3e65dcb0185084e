"""A request's target as dockerd reads it: by the rules of Go's net/url, and then of its router's.

Whatever spelling a client chose, the path is decoded once, here. Routes are chosen by it, and the engine and
our own routes get it written afresh: nobody behind the door reads another path than the one that was judged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote_from_bytes, unquote_to_bytes

_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*:")
_NO_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_VERSION = re.compile(r"/v[0-9.]+(?=/)")
_HIJACKS = re.compile(
    r"POST /(containers/.*/attach|exec/.*/start|session|grpc)|GET /containers/.*/attach/ws", re.DOTALL
)
_PLAIN = "/!$&'()*+,;=:@~"
"""What stands in a path as it is, beside letters, digits and `-._`."""

_QUERY = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "#")


class BadTarget(ValueError):
    """No path can be told from it."""


@dataclass(frozen=True)
class Target:
    """A decoded path, and the query as it was sent (with its question mark, or empty)."""

    path: str
    query: str = ""

    @property
    def route(self) -> str:
        """The path without the version of the API."""
        versioned = _VERSION.match(self.path)
        return self.path[versioned.end() :] if versioned else self.path

    @property
    def clean(self) -> Target:
        """The target that dockerd's router redirects to: one slash each, no dots."""
        return Target(cleaned(self.path), self.query)

    def hijacks(self, method: str) -> bool:
        """Whether the engine takes the connection out of HTTP on this route."""
        return _HIJACKS.fullmatch(f"{method} {self.route}") is not None

    def render(self) -> str:
        """The only spelling that is handed on."""
        path = quote_from_bytes(self.path.encode("utf-8", "surrogateescape"), _PLAIN)
        return path + quote_from_bytes(self.query.encode("latin-1"), _QUERY)


def read_target(raw: bytes) -> Target:
    """Read a target in any form that has a path. Raises BadTarget."""
    scheme = _SCHEME.match(raw)
    rest = raw[scheme.end() :] if scheme else raw
    encoded, mark, query = rest.partition(b"?")
    if not encoded.startswith(b"/"):
        raise BadTarget("invalid URI for request")
    if scheme and encoded.startswith(b"//"):
        _, slash, below = encoded[2:].partition(b"/")
        encoded = slash + below
    if _NO_ESCAPE.search(encoded):
        raise BadTarget("invalid URL escape")
    path = unquote_to_bytes(encoded).decode("utf-8", "surrogateescape")
    return Target(path, (mark + query).decode("latin-1"))


def cleaned(path: str) -> str:
    """A path without empty segments and dots; a slash at its end stays."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    end = "/" if path.endswith("/") and segments else ""
    return "/" + "/".join(segments) + end
