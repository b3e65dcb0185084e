"""Stopping services and starting them again: a mark on their rows, of which the core makes the rest."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from skerry.control.access import require_swarm
from skerry.core.depends import needed
from skerry.core.draft import ROLLBACK_STARTED, UNDER_WAY, UPDATING
from skerry.core.update import COMPLETED, ROLLBACK_COMPLETED
from skerry.core.view import View
from skerry.model.objects import Service, UpdateStatus
from skerry.model.releases import Stop
from skerry.store.store import Tx


def stop(tx: Tx, services: Iterable[Service], by: str) -> list[Service]:
    """Stop services; those that were not stopped yet. An update under way is over: what starts again is all
    of the present spec."""
    require_swarm(tx.view)
    running = [service for service in services if service.stopped is None]
    return [tx.put(_at_rest(replace(service, stopped=Stop(by, tx.now)), tx.now)) for service in running]


def start(tx: Tx, services: Iterable[Service]) -> list[Service]:
    """Start services, and what they need; those that were stopped."""
    require_swarm(tx.view)
    stopped = [service for service in _with_needs(tx.view, services) if service.stopped is not None]
    return [start_alone(tx, service) for service in stopped]


def start_alone(tx: Tx, service: Service) -> Service:
    """Start a service that is stopped. Nothing of it is out of date, so no update goes on."""
    return tx.put(replace(service, stopped=None, started_at=tx.now, update=None, settles_at=0))


def _with_needs(view: View, services: Iterable[Service]) -> Iterable[Service]:
    """Services, and those without which they would wait."""
    gathered: dict[str, Service] = {}
    to_come = list(services)
    while to_come:
        service = to_come.pop()
        if service.id not in gathered:
            gathered[service.id] = service
            to_come += [
                target
                for dependency, target in needed(view, service)
                if target is not None and dependency.required
            ]
    return sorted(gathered.values(), key=lambda service: service.name)


def changed_at_rest(service: Service, now: int) -> Service:
    """A stopped service with another spec, which holds once it is started: for clients that wait for the
    update it is over."""
    state = service.update.state if service.update is not None else UPDATING
    return replace(service, update=_ended(UpdateStatus(state, "", now), now))


def _at_rest(service: Service, now: int) -> Service:
    update = service.update
    if update is None or update.state not in UNDER_WAY:
        return service
    return replace(service, update=_ended(update, now))


def _ended(update: UpdateStatus, now: int) -> UpdateStatus:
    state = ROLLBACK_COMPLETED if update.state == ROLLBACK_STARTED else COMPLETED
    return replace(update, state=state, message="the service is stopped", completed_at=now)
