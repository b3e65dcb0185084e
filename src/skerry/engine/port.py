"""What skerry asks of a Docker Engine. The real one is `skerry.engine.client`; tests have a fake.

"Already so" is success everywhere: a container of that name that exists, a stopped container that is
stopped, a removed one that is removed. Everything else that the engine refuses is an `EngineError`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from skerry.model.errors import SkerryError
from skerry.model.objects import Raw


class EngineError(SkerryError):
    """The engine said no; `message` is its own text and `status` its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class EngineUnreachable(SkerryError):
    """Nobody answers at the engine's socket; `reason` says why, where the sentence is another's."""

    status = 503

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


def waiting_for(socket: str) -> str:
    """What a client reads while the engine does not answer."""
    return f"waiting for the engine at {socket}: is dockerd running? `skerry status` says more"


@dataclass(frozen=True)
class ExecResult:
    """How a command inside a container ended; `exit_code` is -1 where it ran out of time."""

    exit_code: int
    output: str


class Engine(Protocol):
    """One engine behind a unix socket. Bodies and answers are the Engine API's own JSON."""

    socket: str
    """Path of the unix socket, for streams that are passed through."""

    async def get(self, path: str, **query: str) -> Raw:
        """GET of a JSON object. Raises EngineError (404 included)."""

    async def get_list(self, path: str, **query: str) -> list[Raw]:
        """GET of a JSON array."""

    async def post(self, path: str, body: Raw | None = None, **query: str) -> Raw:
        """POST; the answer's JSON, or {} where it is empty."""

    async def inspect_image(self, reference: str) -> Raw | None:
        """The image's JSON, or None where the engine has no such image."""

    async def remove_image(self, reference: str) -> None:
        """Remove a tag, and the image where that was all that named it. EngineError 409 where a container has
        it."""

    async def pull(self, reference: str, auth: str = "") -> None:
        """Pull an image; `auth` is the value of X-Registry-Auth."""

    async def create_container(self, name: str, body: Raw) -> str:
        """Create a container and return its ID; that of the existing one where the name is taken."""

    async def inspect_container(self, container: str) -> Raw | None:
        """The container's JSON, or None."""

    async def start_container(self, container: str) -> None:
        """Start it."""

    async def stop_container(self, container: str, grace_s: int) -> None:
        """SIGTERM (or its own signal), after the grace period SIGKILL; returns when it has ended."""

    async def remove_container(self, container: str) -> None:
        """Remove it, by force and with its anonymous volumes."""

    async def exec(
        self, container: str, command: list[str], timeout_s: float, user: str = "", options: Raw | None = None
    ) -> ExecResult:
        """Run a command inside; past the timeout it is killed and the code is -1. `options` are further
        fields of the engine's own."""

    def events(self, **filters: list[str]) -> AbstractAsyncContextManager[AsyncIterator[Raw]]:
        """Subscribe to the engine's events from now on; entered means subscribed."""

    def logs(self, container: str, **query: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """A container's log as raw bytes (multiplexed, or plain with a TTY)."""

    async def create_network(self, body: Raw) -> str:
        """Create a network and return its ID; that of the existing one where the name is taken."""

    async def remove_network(self, network: str) -> None:
        """Remove it. EngineError 403 while containers are still on it."""

    async def connect(self, network: str, container: str, config: Raw) -> None:
        """Connect a container to a further network; already connected is success."""

    async def close(self) -> None:
        """Let go of its connections."""
