"""What one state of the network has to do with the next one, so that only that is looked at."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from skerry.model.traffic import PublishedPort, Traffic, VirtualService


def differing(before: Traffic, after: Traffic) -> tuple[Traffic, Traffic]:
    """Both without the VIPs and published ports of the services that are served alike in both.

    Rows of one derivation and the next are the same objects where nothing has changed: that costs next to
    nothing to see, and rows that are merely equal do no harm.
    """
    touched = _services_of_others(before, after) | _services_of_others(after, before)
    return _reduced(before, touched), _reduced(after, touched)


def _services_of_others(traffic: Traffic, other: Traffic) -> set[str]:
    known = {id(row) for row in _rows(other)}
    return {row.service_id for row in _rows(traffic) if id(row) not in known}


def _rows(traffic: Traffic) -> Iterator[VirtualService | PublishedPort]:
    yield from traffic.services
    yield from traffic.ports


def _reduced(traffic: Traffic, services: set[str]) -> Traffic:
    return replace(
        traffic,
        services=tuple(row for row in traffic.services if row.service_id in services),
        ports=tuple(row for row in traffic.ports if row.service_id in services),
    )
