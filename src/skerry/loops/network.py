"""The network loop: the kernel table and the gate follow the view, and whoever waits for that is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import structlog
from msgspec.structs import replace

from skerry.core.derive import TrafficBuilder
from skerry.core.guests import Guests
from skerry.core.index import addresses_of
from skerry.core.service_traffic import alters_traffic
from skerry.core.traffic_policy import TrafficPolicy, policy_of
from skerry.model.conditions import Conditions
from skerry.model.errors import SkerryError
from skerry.model.objects import FormerAddress, Lease, Network, Object, Service, Task, former_id
from skerry.model.traffic import PortReservations, Traffic
from skerry.store.errors import StateError
from skerry.store.store import Commit, Store, Tx

log = structlog.get_logger()

CONDITION = "traffic"
RETRY_S = 1.0
GUESTS_S = 5.0
"""How long the first table waits for word of the plain containers, whose names the gate would forget else."""
RESYNC_S = 30.0
"""Whoever takes a rule of ours away: it comes back within this time, however much there is to do."""


class Switch(Protocol):
    """What carries a `Traffic` out (`skerry.network`); returns when kernel and gate have it."""

    async def apply(self, traffic: Traffic) -> PortReservations: ...

    async def restore(self) -> None: ...

    def on_reservations(self, callback: Callable[[PortReservations], None]) -> None: ...


class NetworkLoop:
    """Applies what the view asks for; knows what has been acknowledged."""

    def __init__(
        self,
        store: Store,
        switch: Switch,
        resync_s: float = RESYNC_S,
        conditions: Conditions | None = None,
        holder_of: Callable[[str], str] = lambda key: "",
    ) -> None:
        """`switch` is told the traffic; what is missing in it is looked for every `resync_s`.
        `holder_of` says
        who has a port (`tcp/80`) of this machine, in words, as far as that is to be seen; it blocks."""
        self._holder_of = holder_of
        self._resync_s = resync_s
        self._conditions = conditions or Conditions()
        self._store = store
        self._switch = switch
        self._removed: dict[str, TrafficPolicy] = {}
        self._derivation = TrafficBuilder()
        self._touched: set[str] | None = None
        """Services that commits have changed since the last look, themselves or by a task; None is all."""
        self._applied: Traffic | None = None
        self._applying: Traffic | None = None
        """What may be in the kernel at any moment, though nobody has said so."""
        self._stale = False
        self._guests = self._guests_applied = Guests()
        self._guests_known = asyncio.Event()
        self._guests_known.set()
        self._joined: tuple[Traffic, Guests, Traffic] | None = None
        """The traffic of the tasks, the guests, and both together, as they were last."""
        self._leaving: set[str] = set()
        self._waiting: set[str] = set()
        self._due = asyncio.Event()
        self._changed = asyncio.Condition()
        self._reserved: asyncio.Queue[PortReservations] = asyncio.Queue()
        switch.on_reservations(self._reserved.put_nowait)

    async def run(self) -> None:
        """Follow the store for ever; again after a failure, from everything anew."""
        self._touched, self._stale = None, True
        async with asyncio.TaskGroup() as group, self._store.watch() as commits:
            group.create_task(self._follow_reservations())
            group.create_task(self._follow_commits(commits))
            loop = asyncio.get_running_loop()
            with suppress(TimeoutError):
                async with asyncio.timeout(GUESTS_S):
                    await self._guests_known.wait()
            resync_at = loop.time() + self._resync_s
            while True:
                settled = await self._apply(self._desired(commits))
                until = resync_at if settled else loop.time() + RETRY_S
                if await self._woken(until) and loop.time() < resync_at:
                    continue
                resync_at = loop.time() + self._resync_s
                self._touched = None
                await self._restore()

    async def _woken(self, until: float) -> bool:
        """Whether something has changed by that time of the event loop's."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._due.wait()
        return self._due.is_set()

    def _desired(self, commits: asyncio.Queue[Commit]) -> Traffic:
        """What the view asks for now; every commit that led to it has been noted then."""
        while not commits.empty():
            self._note(commits.get_nowait())
        self._due.clear()
        view, touched = self._store.view, self._touched
        self._touched = set()
        self._leaving = {key for key in self._leaving if key in view.tasks}
        leaving, waiting = frozenset(self._leaving), frozenset(self._waiting)
        return self._with_guests(self._derivation.of(view, leaving, touched, waiting))

    def _with_guests(self, traffic: Traffic) -> Traffic:
        """The same value as long as neither part is another."""
        joined = self._joined
        if joined is None or joined[0] is not traffic or joined[1] is not self._guests:
            guests = self._guests
            both = replace(
                traffic,
                names=(*traffic.names, *guests.names),
                clients=(*traffic.clients, *guests.clients),
            )
            self._joined = joined = (traffic, guests, both)
        return joined[2]

    def expect_guests(self) -> None:
        """Somebody is about to tell of guests: nothing is applied for a while without these."""
        self._guests_known.clear()

    def tell_guests(self, guests: Guests) -> None:
        """These plain containers are on our networks now."""
        if guests != self._guests:
            self._guests = guests
            self._due.set()
        self._guests_known.set()

    async def guests_applied(self) -> None:
        """Return once the gate knows the guests that were told last."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._guests_applied is self._guests)

    async def _follow_commits(self, commits: asyncio.Queue[Commit]) -> None:
        while True:
            self._note(await commits.get())

    def _note(self, commit: Commit) -> None:
        for change in commit.changes:
            if isinstance(change.object, Service):
                self._labels_changed(change.object, gone=change.new is None)
            if isinstance(change.object, Network):
                self._due.set()
            if alters_traffic(change.old, change.new):
                self._touch(*_services_of(change.old), *_services_of(change.new))
            for place in _held(change.old) ^ _held(change.new):  # somebody's task may have been there
                if former := self._store.view.formers.get(former_id(*place)):
                    self._touch(former.service_id)

    def _touch(self, *service_ids: str) -> None:
        if self._touched is not None:
            self._touched.update(service_ids)
        self._due.set()

    def _labels_changed(self, service: Service, *, gone: bool) -> None:
        """A service that is removed still says how its last tasks are drained."""
        view = self._store.view
        self._removed = {key: service for key, service in self._removed.items() if view.tasks_of(key)}
        if gone:
            self._removed[service.id] = policy_of(service)

    def policy(self, service_id: str) -> TrafficPolicy:
        """How the labels of a service, or of one that is gone, want its tasks to be treated."""
        service = self._store.view.services.get(service_id)
        return policy_of(service) if service else self._removed.get(service_id, TrafficPolicy())

    async def _restore(self) -> None:
        """Write everything again, whatever the view says."""
        try:
            await self._switch.restore()
        except (OSError, SkerryError) as failure:
            log.error("the network could not be restored; trying again", failure=str(failure))
            self._conditions.set(
                CONDITION, f"the kernel's rules could not be restored: {failure}; trying again"
            )
        else:
            self._stale = True

    async def _apply(self, desired: Traffic) -> bool:
        """Have the kernel and the gate serve this traffic, unless they do; False where that has to be tried
        again."""
        if desired == self._applied and not self._stale:
            await self._note_applied(desired)
            return True
        self._applying = desired
        try:
            reservations = await self._switch.apply(desired)
        except (OSError, SkerryError) as failure:
            log.error("the network could not be applied; trying again", failure=str(failure))
            self._conditions.set(CONDITION, f"the traffic could not be changed: {failure}; trying again")
            return False
        self._conditions.clear(CONDITION)
        await self._note_applied(desired)
        self._reserved.put_nowait(reservations)
        return True

    async def _note_applied(self, traffic: Traffic) -> None:
        async with self._changed:
            self._applied, self._applying, self._stale = traffic, None, False
            if self._joined is not None and self._joined[2] is traffic:
                self._guests_applied = self._joined[1]
            self._changed.notify_all()

    async def _follow_reservations(self) -> None:
        """Write down what is ours; a disk that takes nothing must not hold up the traffic."""
        while True:
            reservations = await self._reserved.get()
            while not await self._is_noted(reservations):
                await asyncio.sleep(RETRY_S)
                while not self._reserved.empty():
                    reservations = self._reserved.get_nowait()

    async def _is_noted(self, reservations: PortReservations) -> bool:
        try:
            await self._note_reservations(reservations)
        except StateError as failure:
            log.warning("the reserved ports could not be noted; trying again", failure=failure.message)
            return False
        return True

    async def _note_reservations(self, reservations: PortReservations) -> None:
        reserved = tuple(sorted(reservations.reserved))
        refused = dict(reservations.refused)

        def note(tx: Tx) -> None:
            node = tx.view.node
            if node is not None and (node.reserved, node.ports_err) != (reserved, refused):
                tx.put(replace(node, reserved=reserved, ports_err=refused, port_holders=holders))

        node = self._store.view.node
        if node is not None and (node.reserved, node.ports_err) != (reserved, refused):
            holders = await asyncio.to_thread(self._holders, sorted(refused))
            await self._store.update(note)

    def _holders(self, keys: Collection[str]) -> dict[str, str]:
        """Who has these ports; those of whom nothing is known are left out."""
        return {key: holder for key in keys if (holder := self._holder_of(key))}

    async def withdrawn(self, task_id: str) -> None:
        """Take the task out, if its row does not say so yet; return once no new connection can reach it."""
        if self._applied is not None and not self._is_out(task_id):
            self._leaving.add(task_id)
            self._due.set()
        async with self._changed:
            await self._changed.wait_for(lambda: self._is_out(task_id))

    @asynccontextmanager
    async def waiting(self, task_ids: Collection[str]) -> AsyncIterator[None]:
        """Within, whoever comes for these tasks waits at the gate, unless others of their services serve."""
        self._waiting |= set(task_ids)
        self._due.set()
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: not any(map(self._is_heard, task_ids)))
            yield
        finally:
            self._waiting -= set(task_ids)
            self._due.set()

    def _is_heard(self, task_id: str) -> bool:
        """Whether TCP may reach a task, by the table that was acknowledged or one that is on its way."""
        tables = (self._applied, self._applying)
        return self._applied is None or any(_hears(table, task_id) for table in tables if table)

    async def vacated(self, addresses: Collection[tuple[str, str]]) -> None:
        """Return once none of these (network ID, address) leads to a service as one of its former tasks."""
        async with self._changed:
            await self._changed.wait_for(lambda: not any(self._leads_on(place) for place in addresses))

    def _leads_on(self, place: tuple[str, str]) -> bool:
        return self._applied is None or any(
            (service.network_id, former.address) == place
            for table in (self._applied, self._applying)
            if table is not None
            for service in table.services
            for former in service.former
        )

    def _is_out(self, task_id: str) -> bool:
        """Neither in the table that was acknowledged nor in one that is on its way."""
        if self._applied is None:
            return False
        return not any(_holds(table, task_id) for table in (self._applied, self._applying) if table)


def _services_of(row: Object | None) -> tuple[str, ...]:
    """The service in whose share of the traffic a row has a part."""
    match row:
        case Service(id=key) | Task(service_id=key) | FormerAddress(service_id=key):
            return (key,)
    return ()


def _held(row: Object | None) -> set[tuple[str, str]]:
    """The addresses that nobody else has because of a row, each with its network."""
    match row:
        case Task():
            return set(addresses_of(row))
        case Lease(network_id=network_id, address=address, held=True):
            return {(network_id, address)}
    return set()


def _holds(table: Traffic, task_id: str) -> bool:
    rows = [service.backends for service in table.services] + [port.backends for port in table.ports]
    return any(backend.task_id == task_id for row in rows for backend in row)


def _hears(table: Traffic, task_id: str) -> bool:
    rows = [service.hearing for service in table.services]
    rows += [port.backends for port in table.ports if port.protocol == "tcp"]
    return any(backend.task_id == task_id for row in rows for backend in row)
