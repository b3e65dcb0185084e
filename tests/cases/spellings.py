"""Spellings of swarm requests: a plain one, changed at random by a grammar of what routers may read in
different ways. The same seed makes the same ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

NAME = "seen"
"""Of what the swarm has."""
MARK = "taken-by-the-swarm"
"""It shows in the answers of the routes that list that, and in no request."""

PLAIN = (
    ("GET", "/swarm", ""),
    ("GET", "/swarm/unlockkey", ""),
    ("GET", "/nodes", ""),
    ("GET", "/nodes/self", ""),
    ("GET", "/services", ""),
    ("GET", f"/services/{NAME}", ""),
    ("GET", "/services/nosuch", ""),
    ("GET", "/services/nosuch/logs?stdout=1", ""),
    ("GET", "/tasks", ""),
    ("GET", "/tasks/nosuch", ""),
    ("GET", "/configs", ""),
    ("GET", f"/configs/{NAME}", ""),
    ("GET", "/secrets", ""),
    ("GET", "/secrets/nosuch", ""),
    ("POST", "/swarm/init", "{}"),
    ("POST", "/swarm/join", "{}"),
    ("POST", "/swarm/leave", ""),
    ("POST", "/swarm/update?version=1", "{}"),
    ("POST", "/services/create", "{}"),
    ("POST", "/services/nosuch/update?version=1", "{}"),
    ("POST", "/configs/create", "{}"),
    ("POST", "/secrets/create", "{}"),
    ("POST", "/nodes/nosuch/update?version=1", "{}"),
    ("DELETE", "/services/nosuch", ""),
    ("DELETE", "/nodes/nosuch", ""),
    ("DELETE", "/secrets/nosuch", ""),
)
"""Method, target and body; none of them changes anything."""

END = b"GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n"
"""Behind every spelling, so that the connection ends."""


@dataclass(frozen=True)
class Request:
    """A request before it is written."""

    method: str
    target: str
    body: bytes = b""
    protocol: str = "HTTP/1.1"
    fields: tuple[str, ...] = ("Host: d",)
    before: bytes = b""
    after: bytes = END
    newline: str = "\r\n"
    chunked: bool = False
    extra: tuple[str, ...] = field(default=())

    def render(self) -> bytes:
        """Its bytes, with what is sent before and behind it on the same connection."""
        fields = [*self.fields, *self.extra]
        body = self.body
        if self.chunked:
            fields.append("Transfer-Encoding: chunked")
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        elif body:
            fields.append(f"Content-Length: {len(body)}")
        if body:
            fields.append("Content-Type: application/json")
        lines = [f"{self.method} {self.target} {self.protocol}", *fields, "", ""]
        return self.before + self.newline.join(lines).encode("latin-1") + body + self.after


Mutation = Callable[[random.Random, Request], Request]


def plain(method: str, target: str, body: str) -> Request:
    """The plain spelling."""
    return Request(method, target, body.encode())


def spellings(count: int, seed: int = 1) -> list[bytes]:
    """So many different ones."""
    dice = random.Random(seed)
    made: dict[bytes, None] = {}
    while len(made) < count:
        request = plain(*dice.choice(PLAIN))
        for _ in range(dice.choice((1, 1, 2, 3))):
            request = dice.choice(KNOWN if dice.random() < 0.65 else HOSTILE)(dice, request)
        made[request.render()] = None
    return list(made)


def words(text: str) -> list[str]:
    """What stands between the spaces."""
    return text.split(" ")


def _at(dice: random.Random, text: str, characters: str = "") -> int:
    """A place in the path, of one of these characters where given."""
    path = text.partition("?")[0]
    places = [at for at, letter in enumerate(path) if not characters or letter in characters]
    return dice.choice(places) if places else 0


def _path(change: Callable[[random.Random, str], str]) -> Mutation:
    def mutate(dice: random.Random, request: Request) -> Request:
        path, mark, query = request.target.partition("?")
        return replace(request, target=change(dice, path) + mark + query)

    return mutate


# What dockerd reads as the plain one, alone or together.


def _version(dice: random.Random, path: str) -> str:
    versions = words("1.41 1.41.0 1.40.9 1.41. 1.25 1.30 1.41.0.0.0 01.41 1.041 1.39.999999999999999999999")
    return f"/v{dice.choice(versions)}{path}"


def _absolute(dice: random.Random, path: str) -> str:
    schemes = words("http: x: http://d http://host:80 HTTP:// a+b.c-d: unix:// https://u@h file:// x1:")
    return dice.choice(schemes) + path


def _encode(dice: random.Random, path: str) -> str:
    letters = list(path)
    for _ in range(dice.choice((1, 1, 2, 5))):
        at = dice.randrange(1, len(letters)) if len(letters) > 1 else 0
        if at and len(letters[at]) == 1:
            letters[at] = dice.choice(("%{:02x}", "%{:02X}")).format(ord(letters[at]))
    return "".join(letters)


def _query(dice: random.Random, request: Request) -> Request:
    more = dice.choice(
        ("?", "?a=b", "?a;b", "?a#b", "?/../x", "?a=%zz", "?http://x/images/json", "?\xff", "??", "?a?")
    )
    return replace(
        request, target=request.target + (more.replace("?", "&", 1) if "?" in request.target else more)
    )


def _kept(dice: random.Random, request: Request) -> Request:
    """Behind another request on the same connection, most of them with a wish to go on otherwise."""
    line = dice.choice(
        (
            "GET /version",
            "GET /_ping",
            "HEAD /_ping",
            "GET /images/json",
            "GET /v1.41/containers/json",
            "GET /nosuch",
            "DELETE /images/nosuch",
            "POST /containers/nosuch/attach",
            "POST /exec/nosuch/start",
            "POST /v1.41/containers/nosuch/attach?stream=1",
            "GET /containers/nosuch/attach/ws",
            "POST /containers/nosuch/start",
            "GET /swarm",
        )
    )
    wishes = dice.choice(
        (
            "",
            "Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n",
            "Connection: Upgrade\r\nUpgrade: tcp\r\n",
            "Connection: upgrade, keep-alive\r\nUpgrade: websocket\r\n",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
            "Upgrade: tcp\r\n",
            "Connection: keep-alive\r\n",
            "Keep-Alive: timeout=5\r\n",
            "Content-Length: 0\r\n",
            "TE: trailers\r\nTrailer: x\r\n",
        )
    )
    return replace(request, before=request.before + f"{line} HTTP/1.1\r\nHost: d\r\n{wishes}\r\n".encode())


def _field(dice: random.Random, request: Request) -> Request:
    more = dice.choice(
        (
            "Connection: Upgrade\r\nUpgrade: TLS/1.2",
            "Connection: Upgrade\r\nUpgrade: tcp",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk",
            "Expect: 100-continue",
            "X-HTTP-Method-Override: GET",
            "X-Original-URL: /images/json",
            "X-Rewrite-URL: /version",
            "X-Forwarded-Prefix: /x",
            "Connection: keep-alive",
            "Connection: host",
            "TE: trailers",
            "Transfer_Encoding: chunked",
            "Upgrade-Insecure-Requests: 1",
            "a!#$%&'*+-.^_`|~: b",
            "Cookie: \xff",
            "A:" + " " * 50 + "b",
            "Proxy-Connection: close",
            "Date: " + "x" * 9000,
        )
    )
    return replace(request, extra=(*request.extra, *more.split("\r\n")))


def _chunks(dice: random.Random, request: Request) -> Request:
    return replace(request, chunked=True)


def _as_it_is(dice: random.Random, request: Request) -> Request:
    return request


KNOWN: tuple[Mutation, ...] = (
    _path(_version),
    _path(_version),
    _path(_absolute),
    _path(_absolute),
    _path(_encode),
    _path(_encode),
    _query,
    _kept,
    _kept,
    _field,
    _chunks,
    _as_it_is,
)

# What is read in different ways, or refused.


def _slashes(dice: random.Random, path: str) -> str:
    at = _at(dice, path, "/")
    pieces = words("// /./ /x/../ /%2e/ /%2e%2e/ /.. %2f %2F/ /%5c \\ /; /.; ///")
    return path[:at] + dice.choice(pieces) + path[at + 1 :]


def _end(dice: random.Random, path: str) -> str:
    ends = words("/ // /. /.. %20 %00 %0a %0d%0a ; ;x=y # #x %23 %3f %3fx /%2e . %2f ~ : @ %ff")
    return path + dice.choice(ends)


def _case(dice: random.Random, path: str) -> str:
    at = _at(dice, path)
    return path[:at] + path[at : at + 1].swapcase() + path[at + 1 :]


def _letters(dice: random.Random, path: str) -> str:
    at = _at(dice, path)
    odd = words("%c0%af %25 %2573 %zz % %7 %u0073 \xff \u0131 \xa0 \xad %e2%80%8b %00 + %2b \x01 \x09 *")
    letter = dice.choice([one.encode("utf-8").decode("latin-1") for one in odd])
    return path[:at] + letter + path[at + dice.choice((0, 1)) :]


def _odd_version(dice: random.Random, path: str) -> str:
    odd = words(
        "v v1 v1..41 V1.41 v1.41/v1.41 v-1 v1.41a v. v.. v... v1,41 v1.41%2f v%31.41 v1.99 v1.41%00 1.41"
    )
    return f"/{dice.choice(odd)}{path}"


def _odd_scheme(dice: random.Random, path: str) -> str:
    odd = words(": 1x: http:// http:/ // //d http:// http://[ http://a b:c@ *: http:opaque x://../ ? # . ..")
    return dice.choice(odd) + path


def _method(dice: random.Random, request: Request) -> Request:
    odd = (
        "get",
        "Get",
        "HEAD",
        "OPTIONS",
        "CONNECT",
        "PRI",
        "PUT",
        "PATCH",
        "TRACE",
        "GET\t",
        " GET",
        "",
        "G@T",
        "QUERY",
    )
    return replace(request, method=dice.choice(odd))


def _protocol(dice: random.Random, request: Request) -> Request:
    odd = (
        "HTTP/1.0",
        "HTTP/1.0",
        "HTTP/2.0",
        "HTTP/1.2",
        "http/1.1",
        "HTTP/1.10",
        "HTTP/1.1 ",
        "",
        "HTTP/0.9",
        "HTTP/01.1",
    )
    return replace(request, protocol=dice.choice(odd))


def _lines(dice: random.Random, request: Request) -> Request:
    return replace(request, newline=dice.choice(("\n", "\n", "\r", "\r\r\n", "\n\r")))


def _before(dice: random.Random, request: Request) -> Request:
    junk = (
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        b" ",
        b"\x00",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x00\xa5",
    )
    return replace(request, before=dice.choice(junk) + request.before)


def _odd_field(dice: random.Random, request: Request) -> Request:
    odd = (
        "Content-Length : 0",
        "Content-Length: 0\r\nContent-Length: 5",
        "Content-Length: 0, 0",
        "Content-Length: +0",
        "Content-Length: -1",
        "Content-Length: 0x5",
        "Content-Length:",
        "Content-Length: 1e1",
        "Content-Length\t: 4",
        " Content-Length: 4",
        "Content-Length: 2\r\n 0",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity",
        "Transfer-Encoding:\tchunked",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        "Host: e",
        "X: a\r\n folded",
        "X: a\nGET /swarm HTTP/1.1",
        "X: a\rY: b",
        "X",
        ": x",
        "X: \x00",
        "Connection: close",
        "Connection: close, Upgrade",
    )
    return replace(request, extra=(*request.extra, dice.choice(odd)))


def _no_host(dice: random.Random, request: Request) -> Request:
    return replace(request, fields=())


def _hidden(dice: random.Random, request: Request) -> Request:
    """Inside the body of another request, as one reader or the other may see it."""
    inner = replace(request, before=b"", after=b"").render()
    line = dice.choice(
        ("GET /version", "POST /build", "POST /containers/nosuch/attach", "POST /exec/nosuch/start")
    )
    size = len(inner)
    framing, body = dice.choice(
        (
            (f"Content-Length: {size}", inner),
            (f"Content-Length: {size}\r\nTransfer-Encoding: chunked", b"0\r\n\r\n" + inner),
            ("Transfer-Encoding: chunked\r\nContent-Length: 4", b"%x\r\n%b\r\n0\r\n\r\n" % (size, inner)),
            ("Transfer-Encoding: chunked", b"0\r\nX: y\r\n\r\n" + inner),
            ("Transfer-Encoding: chunked", b"0;" + inner.replace(b"\r\n", b"\n") + b"\r\n\r\n"),
            ("Transfer-Encoding: chunked", b"1\na\n0\n\n" + inner),
            ("Transfer-Encoding: chunked", b"1\r\naX0\r\n\r\n" + inner),
            ("Transfer-Encoding: chunked", b"fffffffffffffffff\r\n" + inner),
            ("Transfer-Encoding: xchunked", b"0\r\n\r\n" + inner),
            ("Transfer-Encoding : chunked", b"0\r\n\r\n" + inner),
            ("Content-Length: 0\r\nContent-Length: 5", inner),
            ("Content-Length: 0\n\n", inner),
            ("Upgrade: tcp\r\nConnection: Upgrade\r\nTransfer-Encoding: chunked", b"0\r\n\r\n" + inner),
            (f"Upgrade: tcp\r\nConnection: Upgrade\r\nContent-Length: {size}", inner),
            ("Upgrade: tcp\r\nConnection: Upgrade\r\nContent-Length: 2", b"{}" + inner),
            ("Expect: 100-continue\r\nContent-Length: 2", b"{}" + inner),
        )
    )
    before = f"{line} HTTP/1.1\r\nHost: d\r\n{framing}\r\n\r\n".encode() + body
    return Request("GET", "/_ping", before=before)


HOSTILE: tuple[Mutation, ...] = (
    _path(_slashes),
    _path(_slashes),
    _path(_end),
    _path(_case),
    _path(_letters),
    _path(_letters),
    _path(_odd_version),
    _path(_odd_scheme),
    _method,
    _protocol,
    _lines,
    _before,
    _odd_field,
    _odd_field,
    _no_host,
    _hidden,
    _hidden,
)
