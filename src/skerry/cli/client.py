"""A small client of the Docker API: over a unix socket, or over whatever the docker CLI can reach.

`docker system dial-stdio` is how the docker CLI itself tunnels to ssh hosts: it joins its standard streams to
the API of any context or host. So contexts, ssh keys and TLS certificates are the CLI's own affair.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

TIMEOUT_S = 60.0
CHUNK = 1 << 20
Connect = Callable[[], http.client.HTTPConnection]


class Unreachable(Exception):
    """Nobody answers there, or the connection was cut; the message is a sentence with the reason."""


class Refused(Exception):
    """The API answered with an error: `status`, and its own message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float | None = TIMEOUT_S) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class DialConnection(http.client.HTTPConnection):
    """HTTP over `docker WORDS system dial-stdio`, which ends when the connection does."""

    def __init__(self, words: Iterable[str], timeout: float | None = TIMEOUT_S) -> None:
        super().__init__("docker", timeout=timeout)
        self._words = ["docker", *words, "system", "dial-stdio"]
        self._processes: list[subprocess.Popen[bytes]] = []
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the connection)

    def connect(self) -> None:
        """Start the docker CLI with one end of a socket pair for its streams."""
        self._processes = [process for process in self._processes if process.poll() is None]
        ours, theirs = socket.socketpair()
        with theirs:
            end = theirs.fileno()
            self._processes.append(
                subprocess.Popen(self._words, stdin=end, stdout=end, stderr=self._said, env=environment())
            )
        ours.settimeout(self.timeout)
        self.sock = ours

    def end(self) -> str:
        """Hang up for good; the last thing that the docker CLI said, e.g. why it found nobody."""
        self.close()
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1)  # it is about to say why it ends
            process.kill()
            process.wait()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").split("\n")
        self._said.close()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


class DockerClient:
    """The API of one place; `name` is how it is called in sentences. Not for two threads at once."""

    def __init__(self, name: str, connect: Connect) -> None:
        self.name = name
        self._connect = connect
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str, **filters: list[str]) -> Any:
        """The JSON of a GET; `filters` become Docker's. Raises Refused, Unreachable."""
        query = "?" + urlencode({"filters": json.dumps(filters)}) if filters else ""
        return self.get_with(path + query, {})

    def get_with(self, path: str, headers: dict[str, str]) -> Any:
        """The JSON of a GET with headers of its own."""
        return _json(self._ask("GET", path, None, headers))

    def find(self, path: str) -> Any:
        """The same, but None where there is no such thing."""
        try:
            return self.get(path)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """The JSON of a POST's answer, or None where it is empty."""
        data = b"" if body is None else json.dumps(body).encode()
        return _json(self._ask("POST", path, data, {"Content-Type": "application/json", **(headers or {})}))

    def delete(self, path: str) -> Any:
        """The JSON of a DELETE's answer, or None where it is empty."""
        return _json(self._ask("DELETE", path, None, {}))

    @contextlib.contextmanager
    def download(self, path: str) -> Iterator[Iterator[bytes]]:
        """The body of a GET in pieces."""
        with self._told("GET", path, None, {}) as response:
            yield self._pieces(response)

    def lines(self, path: str) -> Iterator[bytes]:
        """The body of a GET line by line, each as soon as it is there."""
        with self._told("GET", path, None, {}) as response:
            while line := response.readline():
                if not line.endswith(b"\n"):
                    raise Unreachable(f"{self.name}: the connection was cut")
                yield line

    def _pieces(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        """What is left of a body. An error here is ours, wherever the pieces go."""
        try:
            while piece := response.read(CHUNK):
                yield piece
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self.name}: {self._why(error)}") from error

    def upload(self, path: str, pieces: Iterable[bytes], kind: str, method: str = "POST") -> bytes:
        """Send a body in pieces, without knowing its length; the whole answer."""
        headers = {"Content-Type": kind, "Transfer-Encoding": "chunked"}
        return self._ask(method, path, pieces, headers)

    def close(self) -> str:
        """Hang up; what the way there had to say about it."""
        connection, self._connection = self._connection, None
        if isinstance(connection, DialConnection):
            return connection.end()
        if connection is not None:
            connection.close()
        return ""

    def _ask(
        self, method: str, path: str, body: bytes | Iterable[bytes] | None, headers: dict[str, str]
    ) -> bytes:
        with self._told(method, path, body, headers) as response:
            return response.read()

    @contextlib.contextmanager
    def _told(
        self, method: str, path: str, body: bytes | Iterable[bytes] | None, headers: dict[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        """An answer that is no error. Whatever the connection does is Unreachable."""
        response = None
        try:
            response = self._request(method, path, body, headers)
            if response.status >= 400:
                raise Refused(response.status, _message(response.read()))
            yield response
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self.name}: {self._why(error)}") from error
        finally:
            if response is None or not response.isclosed():
                self.close()  # the next request can't go the same way

    def _request(
        self, method: str, path: str, body: bytes | Iterable[bytes] | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        """Send, over the connection that is kept; a GET on one that was closed meanwhile is sent again."""
        kept = self._connection is not None
        try:
            return self._send(method, path, body, headers)
        except (OSError, http.client.HTTPException):
            if not kept or method != "GET":
                raise
            self.close()
            return self._send(method, path, body, headers)

    def _send(
        self, method: str, path: str, body: bytes | Iterable[bytes] | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        if self._connection is None:
            self._connection = self._connect()
        self._connection.request(method, path, body, headers, encode_chunked="Transfer-Encoding" in headers)
        return self._connection.getresponse()

    def _why(self, error: Exception) -> str:
        reason = self.close()
        if isinstance(error, TimeoutError):
            return reason or f"no answer within {TIMEOUT_S:.0f} s"
        return reason or getattr(error, "strerror", None) or str(error) or type(error).__name__


def at_socket(name: str, path: str, timeout: float | None = TIMEOUT_S) -> DockerClient:
    """The API at a unix socket; without a timeout (s), an answer may pause for as long as it likes."""
    return DockerClient(name, lambda: UnixConnection(path, timeout))


def at(place: str, timeout: float | None = TIMEOUT_S) -> DockerClient:
    """The API of a docker context, or of a host such as `ssh://root@manager`; `timeout` as of `at_socket`.

    Raises Unreachable where `place` is neither, or there is no docker CLI to go there.
    """
    if shutil.which("docker") is None:
        raise Unreachable(f"{place} is reached by the docker CLI, and there is none in the PATH")
    if "://" not in place and place not in contexts():
        raise Unreachable(
            f"{place} is neither a docker context nor a host such as ssh://root@manager or tcp://10.0.0.5:2376"
        )
    return DockerClient(place, lambda: DialConnection(words_to(place), timeout))


def words_to(place: str) -> list[str]:
    """The docker CLI's options for a context or a host."""
    return ["--host" if "://" in place else "--context", place]


def contexts() -> list[str]:
    """Names of the docker CLI's contexts."""
    words = ["docker", "context", "ls", "--format", "{{.Name}}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment())
    return done.stdout.split()


def environment() -> dict[str, str]:
    """Ours, without what would make the docker CLI go elsewhere than it is told."""
    return {
        name: value for name, value in os.environ.items() if name not in ("DOCKER_HOST", "DOCKER_CONTEXT")
    }


def _json(body: bytes) -> Any:
    return json.loads(body) if body.strip() else None


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"]).strip()
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").strip()
