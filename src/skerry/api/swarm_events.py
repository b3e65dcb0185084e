"""The swarm's own events, told from the commits of the store, and the health of tasks.

The last 256 are kept for `since`, as Docker does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from skerry.api.deps import Health
from skerry.api.upstream import Upstream
from skerry.engine.port import EngineUnreachable
from skerry.model.defaults import SECOND
from skerry.model.files import Config, Secret
from skerry.model.objects import Cluster, Network, Node, Raw, Service, Task
from skerry.model.specs import ServiceMode
from skerry.store.store import Change, Commit, Store

KEPT = 256
PENDING = 4096
TOLD = (Service, Node, Network, Secret, Config, Cluster)
"""So many events may wait for one reader; one that is slower than that is cut off."""

log = structlog.get_logger()


def _concerns(commit: Commit) -> bool:
    """Whether a commit may mean an event; most are a step of a task that is not drained yet."""
    rows = [change.object for change in commit.changes]
    return any(isinstance(row, TOLD) or (isinstance(row, Task) and row.status.drain) for row in rows)


def of_commit(commit: Commit) -> list[Raw]:
    """The events that a commit means, in the order of its changes; the swarm's begin and end have none."""
    if any(
        isinstance(change.object, Cluster) and None in (change.old, change.new) for change in commit.changes
    ):
        return []
    events = []
    for change in commit.changes:
        event = of_change(change, commit.at)
        if event is not None:
            events.append(event)
            if _allocated(change):
                events.append({**event, "Action": "update"})
    return events


def _allocated(change: Change) -> bool:
    """Whether an object was given addresses or ports in this commit; a swarm takes a second write."""
    old, new = change.old, change.new
    if isinstance(new, Network):
        return old is None
    if isinstance(old, Service) and isinstance(new, Service):
        return old.spec != new.spec and _shown_endpoint(old) != _shown_endpoint(new)
    return old is None and isinstance(new, Service) and any(_shown_endpoint(new))


def _shown_endpoint(service: Service) -> tuple[object, object]:
    """Ports and addresses as far as clients see them: a dnsrr service shows no VIP."""
    dnsrr = service.endpoint.spec.get("Mode") == "dnsrr"
    named = service.spec.typed.task_template.networks
    return service.endpoint.ports, service.endpoint.vips if named and not dnsrr else ()


def of_change(change: Change, at: int) -> Raw | None:
    """The event that a change means: the cluster has none, nor have inner details, nor tasks, but for one
    that was stopped while it still served."""
    old, new, obj = change.old, change.new, change.object
    if isinstance(old, Task) and isinstance(new, Task):
        return _left_open(old, new, at)
    if not isinstance(obj, Service | Node | Network | Secret | Config):
        return None
    if isinstance(obj, Network) and obj.predefined:
        return None  # the row of one of the engine's own
    attributes = {"name": _name(obj)}
    if isinstance(obj, Network) and (hidden := _network(old, new)) is not None:
        action = hidden
    elif old is None or new is None:
        action = "create" if old is None else "remove"
    else:
        action = "update"
    if action == "" or (action == "update" and not _visible(old, new)):
        return None
    if isinstance(old, Service) and isinstance(new, Service):
        attributes |= _service_attributes(old, new)
    if isinstance(old, Node) and isinstance(new, Node):
        attributes |= _differences(old.spec, new.spec, "Availability", "Role")
    return swarm_event(type(obj).__name__.lower(), action, obj.id, attributes, at)


def swarm_event(kind: str, action: str, key: str, attributes: dict[str, str], at: int) -> Raw:
    """An event as the stream writes it; `at` in nanoseconds."""
    return {
        "Type": kind,
        "Action": action,
        "Actor": {"ID": key, "Attributes": attributes},
        "scope": "swarm",
        "time": at // SECOND,
        "timeNano": at,
    }


def _left_open(old: Task, new: Task, at: int) -> Raw | None:
    outcome = new.status.drain
    if outcome is None or not outcome.open or old.status.drain == outcome:
        return None
    attributes = {"name": new.service_name, "task": new.name, "drain": new.status.words}
    return swarm_event("service", "drain", new.service_id, attributes, at)


def _name(obj: Service | Node | Network | Secret | Config) -> str:
    if isinstance(obj, Node):
        return str(obj.spec.get("Name") or obj.hostname)
    return obj.name


def _network(old: object, new: object) -> str | None:
    """A network that is only marked as removed is gone for the user; its row goes silently later."""
    was = isinstance(old, Network) and old.removed
    if was:
        return ""
    return "remove" if isinstance(new, Network) and new.removed and old is not None else None


def _visible(old: object, new: object) -> bool:
    """Whether an update touched anything that a client can see, beside the version."""
    if isinstance(old, Service) and isinstance(new, Service):
        return _service_face(old) != _service_face(new)
    if isinstance(old, Node) and isinstance(new, Node):
        return (old.spec, old.address, old.description) != (new.spec, new.address, new.description)
    return True


def _service_face(service: Service) -> tuple[object, ...]:
    going = service.update
    update = (going.state, going.message, going.started_at, going.completed_at) if going is not None else None
    return (service.spec, service.spec_version, service.endpoint, update)


def _service_attributes(old: Service, new: Service) -> dict[str, str]:
    """What docker's event says of an update: the image, replicas and update state where they differ."""
    attributes: dict[str, str] = {}
    images = [entry.spec.typed.task_template.container_spec.image for entry in (old, new)]
    if images[0] != images[1]:
        attributes |= {"image.old": images[0], "image.new": images[1]}
    replicas = [_replicas(entry.spec.typed.mode) for entry in (old, new)]
    if replicas[0] != replicas[1] and None not in replicas:
        attributes |= {"replicas.old": str(replicas[0]), "replicas.new": str(replicas[1])}
    states = [entry.update.state if entry.update is not None else "" for entry in (old, new)]
    if states[0] != states[1] and states[1]:
        attributes["updatestate.new"] = states[1]
        if states[0]:
            attributes["updatestate.old"] = states[0]
    return attributes


def _replicas(mode: ServiceMode) -> int | None:
    return None if mode.replicated is None else mode.replicated.replicas


def _differences(old: Raw, new: Raw, *keys: str) -> dict[str, str]:
    attributes = {}
    for key in keys:
        if old.get(key) != new.get(key):
            attributes[f"{key.lower()}.old"] = str(old.get(key, ""))
            attributes[f"{key.lower()}.new"] = str(new.get(key, ""))
    return attributes


def _log_failure(watcher: asyncio.Task[None]) -> None:
    if not watcher.cancelled() and (error := watcher.exception()) is not None:
        log.error("no more swarm events", error=repr(error), exc_info=error)


class Feed:
    """Watches the store and the health of tasks, keeps the last events, gives them to whoever subscribes."""

    def __init__(self, store: Store, health: Health, clock: Callable[[], int], upstream: Upstream) -> None:
        self._store = store
        self._health = health
        self._clock = clock
        self._upstream = upstream
        self._readers: set[asyncio.Queue[Raw | None]] = set()
        self._telling: set[asyncio.Task[None]] = set()
        self.past: deque[Raw] = deque(maxlen=KEPT)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch for as long as the context is open."""
        self._health.on_health(self._on_health)
        async with self._store.watch(_concerns) as commits:
            watcher = asyncio.create_task(self._watch(commits), name="events")
            watcher.add_done_callback(_log_failure)
            try:
                yield
            finally:
                for task in (watcher, *self._telling):
                    task.cancel()
                await asyncio.gather(watcher, *self._telling, return_exceptions=True)

    async def _watch(self, commits: asyncio.Queue[Commit]) -> None:
        while True:
            commit = await commits.get()
            for event in of_commit(commit):
                self._publish(event)

    def _publish(self, event: Raw) -> None:
        self.past.append(event)
        for reader in tuple(self._readers):
            if reader.qsize() >= PENDING:
                self._readers.discard(reader)
                reader.put_nowait(None)
            else:
                reader.put_nowait(event)

    def _on_health(self, task: Task, status: str) -> None:
        telling = asyncio.ensure_future(self._tell_health(task, status, self._clock()))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def _tell_health(self, task: Task, status: str, at: int) -> None:
        """The event that the engine would have sent, had it run the check; with the container's labels."""
        try:
            # By its name: the agent may know the container's ID before the store does.
            response = await self._upstream.request("GET", f"/containers/{task.name}/json")
        except EngineUnreachable as error:
            log.info("no health event", container=task.name, reason=error.message)
            return
        if response.status != 200:
            return  # it is gone: the engine would have nothing to tell either
        container, config = response.json["Id"], response.json["Config"]
        image = task.spec.typed.container_spec.image
        self._publish(
            {
                "status": f"health_status: {status}",
                "id": container,
                "from": image,
                "Type": "container",
                "Action": f"health_status: {status}",
                "Actor": {
                    "ID": container,
                    "Attributes": {**(config.get("Labels") or {}), "image": image, "name": task.name},
                },
                "scope": "local",
                "time": at // SECOND,
                "timeNano": at,
            }
        )

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[asyncio.Queue[Raw | None]]:
        """The events from now on; None means that the reader was too slow and is cut off."""
        queue: asyncio.Queue[Raw | None] = asyncio.Queue()
        self._readers.add(queue)
        try:
            yield queue
        finally:
            self._readers.discard(queue)
