"""The head of a request: what is one, what it says, how it goes on."""

from __future__ import annotations

import pytest

from skerry.api.door.bodies import BadBody, Chunked, Sized
from skerry.api.door.heads import LIMIT, BadHead, Head, HeadReader, parse
from skerry.api.door.target import cleaned


def read(data: bytes, *more: bytes) -> tuple[Head | None, bytes]:
    """What a reader makes of bytes that come in these pieces, and what it leaves."""
    reader = HeadReader()
    head = None
    for piece in (data, *more):
        reader.buffer += piece
        head = head or reader.read()
    return head, bytes(reader.buffer)


@pytest.mark.case("D1")
@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/info", "/info"),
        ("/v1.41/info", "/info"),
        ("/v1.41.0/swarm", "/swarm"),
        ("/v1.40.9/services", "/services"),
        ("/v1.41./swarm", "/swarm"),
        ("/v.../swarm", "/swarm"),
        ("/v1/swarm", "/swarm"),
        ("/v/swarm", "/v/swarm"),
        ("/v1.41", "/v1.41"),
        ("/v1.41/services?filters=%7B%7D", "/services"),
        ("/services%2Fcreate", "/services/create"),
        ("/v1.41/v1.41/info", "/v1.41/info"),
        ("/v1.x/info", "/v1.x/info"),
        ("/%73warm", "/swarm"),
        ("/v1%2e41/swarm", "/swarm"),
        ("/%2fswarm", "//swarm"),
        ("/%2573warm", "/%73warm"),
        ("/swarm#x", "/swarm#x"),
        ("/swarm;x", "/swarm;x"),
        ("http://localhost/v1.41/info?x=1", "/info"),
        ("http:/v1.41/swarm", "/swarm"),
        ("x:/swarm", "/swarm"),
        ("HtTp+1.-:/swarm", "/swarm"),
        ("x:///swarm", "/swarm"),
        ("x://swarm", ""),
        ("http://a/b:c@d/swarm", "/b:c@d/swarm"),
        ("http:/a?b=http://c/swarm", "/a"),
        ("//host/swarm", "//host/swarm"),
        ("/images/a%3Ab/json", "/images/a:b/json"),
        ("/\xff/swarm", "/\udcff/swarm"),
    ],
)
def test_path(target: str, path: str) -> None:
    assert parse(f"GET {target} HTTP/1.1\r\nHost: d".encode("latin-1")).path == path


@pytest.mark.case("D1")
@pytest.mark.parametrize(
    ("target", "rendered"),
    [
        ("/v1.41.0/%73warm?a=%2f#b?c", "/v1.41.0/swarm?a=%2f%23b?c"),
        ("x:/swarm?", "/swarm?"),
        ("http://h/a%20b%23%3f%25", "/a%20b%23%3F%25"),
        ("/images/a:b@c/\xff/%00", "/images/a:b@c/%FF/%00"),
    ],
)
def test_a_target_is_written_afresh(target: str, rendered: str) -> None:
    head = parse(f"GET {target} HTTP/1.1\r\nHost: d".encode("latin-1"))
    assert head.render(close=False).split(b" ")[1] == rendered.encode()
    assert parse(f"GET {rendered} HTTP/1.1\r\nHost: d".encode()).path == head.path


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("", "/"),
        ("//v1.41//services", "/v1.41/services"),
        ("/a/../swarm", "/swarm"),
        ("/../../swarm/.", "/swarm"),
        ("/swarm//", "/swarm/"),
        ("/.", "/"),
        ("/..", "/"),
        ("/a/./b/", "/a/b/"),
        ("/...", "/..."),
    ],
)
def test_a_clean_path(path: str, clean: str) -> None:
    assert cleaned(path) == clean


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/3.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : d\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00",
        b"G T / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\nHost: d\n\n",
        b"GET / HTTP/1.1\r\nA: b\nC: d\r\n",
        b"GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1 \r\n\r\n",
        b"GET / HTTP/0.9\r\n\r\n",
        b"GET swarm HTTP/1.1\r\n\r\n",
        b"GET http:swarm HTTP/1.1\r\n\r\n",
        b"GET * HTTP/1.1\r\n\r\n",
        b"GET %2fswarm HTTP/1.1\r\n\r\n",
        b"GET /%7 HTTP/1.1\r\n\r\n",
        b"GET /%zzswarm HTTP/1.1\r\n\r\n",
        b"CONNECT /swarm HTTP/1.1\r\n\r\n",
        b"PRI /swarm HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 7\r\nContent-Length: 8\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 7, 7\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"x" * LIMIT + b"\r\n\r\n",
        b"x" * (LIMIT + 1),
    ],
)
@pytest.mark.case("D1")
def test_nonsense(data: bytes) -> None:
    with pytest.raises(BadHead):
        read(data)


def test_a_part_is_waited_for() -> None:
    assert read(b"GET /info HT")[0] is None
    assert read(b"GET /info HTTP/1.1\r\nHost: d\r\n")[0] is None


def test_what_follows_the_head_stays_as_it_is() -> None:
    head, rest = read(b"\r\nPOST /x HTTP/1.1\r\nHost: d\r\n\r\nbody\r\n\r\n")
    assert head is not None
    assert (head.method, head.path, rest) == ("POST", "/x", b"body\r\n\r\n")


def test_a_head_may_come_in_any_pieces() -> None:
    data = b"POST /x HTTP/1.1\r\nHost: d\r\nA: b\r\n\r\nrest"
    head, rest = read(*(data[at : at + 1] for at in range(len(data))))
    assert head is not None
    assert (head.fields, rest) == (((b"Host", b"d"), (b"A", b"b")), b"rest")


@pytest.mark.case("C10")
def test_a_head_may_be_as_long_as_dockerd_takes() -> None:
    line = b"GET /tasks?filters=" + b"x" * (1 << 20) + b" HTTP/1.1\r\n\r\n"
    head, _ = read(*(line[at : at + 4096] for at in range(0, len(line), 4096)))
    assert head is not None
    assert len(head.target.query) > 1 << 20
    with pytest.raises(BadHead) as error:
        read(b"GET /?" + b"x" * LIMIT)
    assert error.value.status == 431


def test_the_connection_becomes_the_last_request() -> None:
    head = parse(b"GET /x HTTP/1.1\r\nHost: d\r\nConnection: keep-alive\r\nKeep-Alive: 5\r\nX:  y ")
    assert head.render(close=True) == b"GET /x HTTP/1.1\r\nHost: d\r\nX: y\r\nConnection: close\r\n\r\n"


@pytest.mark.case("D1")
@pytest.mark.parametrize(
    ("line", "upgrades"),
    [
        ("POST /containers/a/attach?stream=1", True),
        ("POST /v1.41/containers/a/b/attach", True),
        ("POST /exec/a/start", True),
        ("POST /session", True),
        ("POST /grpc", True),
        ("GET /containers/a/attach/ws", True),
        ("GET /version", False),
        ("GET /session", False),
        ("POST /containers/a/start", False),
        ("POST /swarm/init", False),
        ("POST /session/", False),
        ("POST /v1.41/v1.41/session", False),
    ],
)
def test_an_upgrade_is_handed_on_where_the_engine_does_that(line: str, upgrades: bool) -> None:
    head = parse(
        f"{line} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA".encode()
    )
    end = (
        b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
        if upgrades
        else b"Host: d\r\nConnection: close\r\n\r\n"
    )
    assert head.upgrades is upgrades
    assert head.render(close=True).endswith(end)
    assert b"HTTP2" not in head.render(close=True)


@pytest.mark.parametrize(
    ("fields", "length", "rendered"),
    [
        (b"", 0, b""),
        (b"Content-Length: 7\r\n", 7, b"Content-Length: 7\r\n"),
        (b"Content-Length: 007\r\ncontent-length: 007\r\n", 7, b"Content-Length: 7\r\n"),
        (b"Content-Length: 0\r\n", 0, b"Content-Length: 0\r\n"),
        (b"transfer-ENCODING:  Chunked \r\n", None, b"Transfer-Encoding: chunked\r\n"),
    ],
)
def test_how_long_the_body_is(fields: bytes, length: int | None, rendered: bytes) -> None:
    head = parse((b"POST / HTTP/1.1\r\nHost: d\r\n" + fields).removesuffix(b"\r\n"))
    assert head.length == length
    assert head.render(close=False) == b"POST / HTTP/1.1\r\nHost: d\r\n" + rendered + b"\r\n"


def test_the_end_of_a_body() -> None:
    body = Sized(3)
    assert body.take(b"ab") == (b"ab", 2)
    assert not body.done
    assert body.take(b"cde") == (b"c", 1)
    assert body.done


@pytest.mark.parametrize("step", [1, 2, 3, 7, 100])
def test_chunks_are_written_afresh(step: int) -> None:
    data = b"3;x=y\r\nabc\r\n0A \r\n0123456789\r\n00\r\nX: y\r\n\r\n"
    body, content, at = Chunked(), b"", 0
    while not body.done:
        piece, count = body.take((data + b"NEXT")[at : at + step])
        content, at = content + piece, at + count
    assert at == len(data)
    sizes, again = [], Chunked()
    assert again.take(content) == (content, len(content))
    while content != b"0\r\n\r\n":
        size, _, rest = content.partition(b"\r\n")
        sizes.append(int(size, 16))
        content = rest[sizes[-1] + 2 :]
    assert sum(sizes) == 13


@pytest.mark.case("D1")
@pytest.mark.parametrize(
    "data",
    [
        b"\r\n",
        b"g\r\n",
        b"-1\r\n",
        b"+1\r\n",
        b"0x1\r\n",
        b"1_0\r\n",
        b" 1\r\n",
        b"1\na\r\n",
        b"1\r\nab\r\n",
        b"1\r\na\n0\r\n\r\n",
        b"1;a\rb\r\n",
        b"11111111111111111\r\n",
        b"1;" + b"x" * 5000 + b"\r\n",
        b"0\r\n" + b"X: y\r\n" * 20_000,
        b"0\r\nX: y\n\r\n",
    ],
)
def test_chunks_that_are_none(data: bytes) -> None:
    with pytest.raises(BadBody):
        Chunked().take(data)
