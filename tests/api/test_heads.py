"""The head of a request: what is one, what it says, how it goes on."""

from __future__ import annotations

import pytest

from skerry.api.heads import LIMIT, BadHead, parse, split


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/info", "/info"),
        ("/v1.41/info", "/info"),
        ("/v1.41/services?filters=%7B%7D", "/services"),
        ("/services%2Fcreate", "/services/create"),
        ("/v1.41/v1.41/info", "/v1.41/info"),
        ("/v1.x/info", "/v1.x/info"),
        ("http://localhost/v1.41/info?x=1", "/info"),
        ("/images/a%3Ab/json", "/images/a:b/json"),
    ],
)
def test_path(target: str, path: str) -> None:
    assert parse(f"GET {target} HTTP/1.1\r\nHost: d".encode()).path == path


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
        b"GET / HTTP/1.1\r\nA: " + b"x" * LIMIT + b"\r\n\r\n",
        b"x" * (LIMIT + 1),
    ],
)
def test_nonsense(data: bytes) -> None:
    with pytest.raises(BadHead):
        split(data)


def test_a_part_is_waited_for() -> None:
    assert split(b"GET /info HT") is None
    assert split(b"GET /info HTTP/1.1\r\nHost: d\r\n") is None


def test_what_follows_the_head_stays_as_it_is() -> None:
    found = split(b"\r\nPOST /x HTTP/1.1\r\nHost: d\r\n\r\nbody\r\n\r\n")
    assert found is not None
    head, rest = found
    assert (head.method, head.path, rest) == ("POST", "/x", b"body\r\n\r\n")


def test_the_connection_becomes_the_last_request() -> None:
    head = parse(b"GET /x HTTP/1.1\r\nHost: d\r\nConnection: keep-alive\r\nKeep-Alive: 5\r\nX:  y ")
    assert head.render(close=True) == b"GET /x HTTP/1.1\r\nHost: d\r\nX: y\r\nConnection: close\r\n\r\n"


def test_an_upgrade_keeps_its_head() -> None:
    block = b"POST /x HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp"
    head = parse(block)
    assert head.upgrades
    assert head.render(close=False) == block + b"\r\n\r\n"
    assert b"Upgrade" not in head.render(close=True, upgrade=False)


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        (b"", 0),
        (b"Content-Length: 7\r\n", 7),
        (b"Content-Length: 7\r\ncontent-length: 7\r\n", 7),
        (b"Content-Length: 7\r\nContent-Length: 8\r\n", None),
        (b"Content-Length: -1\r\n", None),
        (b"Content-Length: 99999999999999999999\r\n", None),
        (b"Content-Length: 7\r\nTransfer-Encoding: chunked\r\n", None),
    ],
)
def test_how_long_the_body_is(fields: bytes, length: int | None) -> None:
    assert parse((b"POST / HTTP/1.1\r\nHost: d\r\n" + fields).rstrip()).length == length
