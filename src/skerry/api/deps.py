"""What the API is made of: the parts that the daemon composes it from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from skerry.backup.request import BackupRequest
from skerry.backup.taking import Taken
from skerry.core.apisocket import ApiSocket
from skerry.engine.client import DockerEngine
from skerry.model.event import Event
from skerry.model.facts import Facts
from skerry.model.objects import Network, Raw, Task
from skerry.store.audit import AuditLog
from skerry.store.store import Store


class Chronicle(Protocol):
    """What happened, in words."""

    async def past(self) -> list[Event]:
        """The events that are kept, oldest first."""

    def follow(self) -> AbstractAsyncContextManager[asyncio.Queue[Event | None]]:
        """Those from now on; None: the reader was too slow, and is cut off."""


class HealthState(Protocol):
    """The health of one task."""

    def docker(self) -> Raw:
        """`State.Health` of docker inspect: Status, FailingStreak, Log."""


class Health(Protocol):
    """What the agent knows about the health of its tasks, since the engine runs no checks for them."""

    def health(self, task_id: str, /) -> HealthState | None:
        """What the checks of a task have shown; None where nothing is checked or known."""

    def on_health(self, heard: Callable[[Task, str], None], /) -> None:
        """Call back whenever a task becomes `healthy` or `unhealthy`."""


async def _nothing() -> None:
    pass


async def _no_guest(container: str) -> None:
    pass


async def _no_address(network_id: str, address: str) -> None:
    pass


async def _nothing_left(node_id: str) -> None:
    pass


async def _nowhere(address: str) -> str:
    return "skerry serves at no address"


class KeptImages(Protocol):
    """What keeps the images of what is kept from being pruned."""

    holders: frozenset[str]
    """The containers, by ID, that are there for an image alone."""

    async def look(self) -> None:
        """See to it that each that is needed is kept."""

    async def freed(self, needed: frozenset[str]) -> dict[str, int]:
        """The images that would go if these alone were needed, each with the bytes that it alone takes."""


class _NoImages:
    """No image is kept."""

    holders: frozenset[str] = frozenset()

    async def look(self) -> None:
        pass

    async def freed(self, needed: frozenset[str]) -> dict[str, int]:
        return {}


class _NoChronicle:
    """Nothing ever happens."""

    async def past(self) -> list[Event]:
        return []

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[asyncio.Queue[Event | None]]:
        yield asyncio.Queue()


async def _no_facts(task_id: str) -> Facts | None:
    return None


@dataclass(frozen=True)
class ApiDeps:
    """Everything behind the API."""

    store: Store
    engine: DockerEngine
    health: Health
    file_dirs: tuple[str, ...]
    """Where the files lie that are bound into tasks unseen: configs, secrets, /etc/resolv.conf."""
    allocate_network: Callable[[str], Awaitable[Network]]
    """Wait until the network (by ID) has its subnet and its bridge; a plain container is about to join it."""
    vacated: Callable[[str, str], Awaitable[None]] = _no_address
    """Wait until an address of a network (by ID) leads to nobody else: a task that is gone had it."""
    guest_settled: Callable[[str], Awaitable[None]] = _no_guest
    """Wait until the names of a plain container, by its ID, are answered as it is now."""
    api_socket: ApiSocket | None = None
    """What a plain container gets that binds the engine's socket; None leaves that as it is."""
    interfaces: Callable[[], Mapping[str, str]] = dict
    """This machine's addresses by interface, for `swarm init --advertise-addr eth0`."""
    routes: Callable[[], Iterable[str]] = tuple
    """Subnets (CIDR) that this machine reaches otherwise: no overlay network gets one of them."""
    network_address: bool = False
    """Whether this machine's kernel lets a host have a subnet's first address of all."""
    about: Callable[[], Raw] = dict
    """What the daemon says of itself: version, pid, engine, warnings."""
    facts: Callable[[str], Awaitable[Facts | None]] = _no_facts
    """What is known at this moment of a task that runs, by its ID; None of any other."""
    chronicle: Chronicle = field(default_factory=_NoChronicle)
    """The events in words."""
    kept_images: KeptImages = field(default_factory=_NoImages)
    """What keeps images for what is kept."""
    leftovers: Callable[[], list[Path]] = list
    """The files that something which was cut has left in the data directory."""
    at_work: Callable[[], Awaitable[None]] = _nothing
    """Wait until what the unlocked state asks for is being done."""
    cleared: Callable[[str], Awaitable[None]] = _nothing_left
    """Kill what is left of a swarm that this node (by ID) has left, and wait until it is gone."""
    audit: AuditLog | None = None
    """Where it is kept who changed what; None keeps nothing."""
    listens: Callable[[str], Awaitable[str]] = _nowhere
    """Wait until it is served at an address as the state says; why it is not, or ""."""
    backup: Callable[[BackupRequest], AbstractAsyncContextManager[Taken]] | None = None
    """Take a backup, which is there as long as the block lasts."""
    clock: Callable[[], int] = time.time_ns
    """Wall-clock nanoseconds."""
    engine_version: Raw = field(default_factory=dict)
    """What the engine last answered at /version: it holds while that is awaited."""
