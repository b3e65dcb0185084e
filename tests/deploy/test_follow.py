"""Watching a release over a real socket: to its end, through a cut, and no longer than asked for."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from skerry.cli import client
from skerry.cli.client import Refused
from skerry.cli.deploy.follow import TimedOut, follow
from skerry.cli.deploy.progress import DeployProgress
from skerry.model.objects import Raw

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
MISSING = b'HTTP/1.1 404 Not Found\r\nContent-Length: 35\r\n\r\n{"message": "no release 3 of shop"}'
STARTING = {"Service": "app", "Phase": "starting", "Ready": 0, "Wanted": 1, "Reason": ""}
DONE = {"Service": "app", "Phase": "done", "Ready": 1, "Wanted": 1, "Reason": ""}
OVER = {"Release": 3, "State": "converged", "Reason": ""}


class Seen:
    """A view that keeps what it was shown."""

    def __init__(self) -> None:
        self.lines: list[Raw] = []
        self.closed = False

    def show(self, line: Raw, progress: DeployProgress, now: float) -> None:
        self.lines.append(line)

    def tick(self, progress: DeployProgress, now: float) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def chunks(*lines: Raw, end: bool) -> bytes:
    """An answer with these lines; one without an end is cut."""
    bodies = [json.dumps(line).encode() + b"\n" for line in lines]
    parts = b"".join(b"%x\r\n%s\r\n" % (len(body), body) for body in bodies)
    return HEAD + parts + (b"0\r\n\r\n" if end else b"")


@contextmanager
def serving(path: Path, *answers: bytes, hang: bool = False) -> Iterator[list[bytes]]:
    """A server that gives each connection one answer in turn; the requests that it got. With `hang` it keeps
    the last connection open until the end."""
    requests: list[bytes] = []
    over = threading.Event()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve() -> None:
        for answer in answers:
            connection, _ = server.accept()
            with connection:
                requests.append(connection.recv(4096))
                connection.sendall(answer)
                if hang and answer is answers[-1]:
                    over.wait(30)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield requests
    finally:
        over.set()
        thread.join(30)
        server.close()
        for reader in (other for other in threading.enumerate() if other.name == "progress"):
            reader.join(30)


def watch(path: Path, view: Seen, timeout: float = 30.0) -> Raw:
    return follow(
        client.at_socket("skerry", str(path), timeout=None),
        "/skerry/stacks/shop/progress?release=3",
        view,
        timeout,
    )


def test_to_the_end(tmp_path: Path) -> None:
    view = Seen()
    with serving(tmp_path / "s", chunks(STARTING, DONE, OVER, end=True)) as requests:
        assert watch(tmp_path / "s", view) == OVER
    assert requests[0].startswith(b"GET /skerry/stacks/shop/progress?release=3 ")
    assert (view.lines, view.closed) == ([STARTING, DONE, OVER], True)


def test_a_cut_is_no_end_and_nothing_is_told_twice(tmp_path: Path) -> None:
    view = Seen()
    with serving(tmp_path / "s", chunks(STARTING, end=False), chunks(STARTING, DONE, OVER, end=True)):
        assert watch(tmp_path / "s", view) == OVER
    assert view.lines == [STARTING, DONE, OVER]


def test_no_longer_than_asked_for(tmp_path: Path) -> None:
    view = Seen()
    with serving(tmp_path / "s", chunks(STARTING, end=False), hang=True), pytest.raises(TimedOut):
        watch(tmp_path / "s", view, timeout=0.3)
    assert view.closed


def test_a_release_that_goes_away(tmp_path: Path) -> None:
    answers = (chunks(STARTING, end=False), MISSING)
    with serving(tmp_path / "s", *answers), pytest.raises(Refused, match="no release 3"):
        watch(tmp_path / "s", Seen())


def test_a_release_that_is_not_there(tmp_path: Path) -> None:
    with serving(tmp_path / "s", MISSING), pytest.raises(Refused, match="no release 3"):
        watch(tmp_path / "s", Seen())
