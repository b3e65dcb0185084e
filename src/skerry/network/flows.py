"""Which tracked flows have to end: those of a task that is gone, and UDP flows that lead to the wrong place.

A flow keeps the way that its first packet took, whatever the table says since then.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from socket import IPPROTO_UDP
from typing import NamedTuple

import structlog

from skerry.linux.conntrack import Conntrack, Flow
from skerry.model.traffic import Backend, Traffic
from skerry.network.difference import differing

log = structlog.get_logger()

FEW = 16
"""So many addresses the kernel looks for one by one, in half a millisecond each; all UDP flows take ten."""


def forget_tasks(addresses: Iterable[str]) -> None:
    """Delete every flow that these tasks answer. Blocks. Raises OSError.

    For tasks without connections: what is left of the old ones would only do harm. A SYN that a task dropped
    (a full backlog) would be repeated to it when it is gone. And when a container has ended, the engine
    deletes its flows, one by one, by their ports: a client that uses a port again meanwhile loses its flow.
    """
    with Conntrack() as conntrack:
        for address in addresses:
            if not conntrack.delete_answered_by(address):
                log.info("this kernel can't delete the flows of one task", address=address)


class Astray(NamedTuple):
    """Which UDP flows would go another way now: those to backends that left, those that the table did not
    translate although it would now, and those to addresses that are no former task's any more."""

    backends: Set[str]
    vips: Set[str]
    ports: Set[int]
    vacated: Set[str]

    @property
    def address_count(self) -> int:
        """How many addresses there are to look for."""
        return len(self.backends) + len(self.vips) + len(self.vacated)

    def has(self, flow: Flow) -> bool:
        """Whether a flow is one of them."""
        missed = flow.answerer == flow.destination and (
            flow.destination in self.vips or flow.port in self.ports
        )
        return flow.answerer in self.backends or missed or flow.destination in self.vacated


def led_astray(before: Traffic, after: Traffic) -> Astray | None:
    """The flows that have to find their way anew after a change; None where there can be none."""
    before, after = differing(before, after)
    astray = Astray(
        _addresses(before) - _addresses(after),
        _served_vips(after) - _served_vips(before),
        _served_udp(after) ^ _served_udp(before),
        _formers(before) - _formers(after),
    )
    return astray if any(astray) else None


def forget_udp(astray: Astray) -> None:
    """Delete UDP flows: their next datagram finds its way anew. Blocks."""
    try:
        with Conntrack() as conntrack:
            # a port's own flows are told by what no filter sees
            if astray.ports or astray.address_count > FEW or not _deleted(conntrack, astray):
                for flow in [flow for flow in conntrack.flows(IPPROTO_UDP) if astray.has(flow)]:
                    conntrack.delete(flow)
    except OSError as error:  # they time out by themselves
        log.warning("conntrack", error=str(error))


def _deleted(conntrack: Conntrack, astray: Astray) -> bool:
    """Whether the kernel could delete all of them by their addresses."""
    done = [
        *(conntrack.delete_answered_by(address, IPPROTO_UDP) for address in astray.backends),
        *(conntrack.delete_untranslated(vip, IPPROTO_UDP) for vip in astray.vips),
        *(conntrack.delete_asked_of(address, IPPROTO_UDP) for address in astray.vacated),
    ]
    return all(done)


def newly_served(before: Traffic, after: Traffic) -> set[Backend]:
    """The tasks that are behind something now and were behind nothing."""
    before, after = differing(before, after)
    return _backends(after) - _backends(before)


def _backends(traffic: Traffic) -> set[Backend]:
    rows = [service.backends for service in traffic.services] + [port.backends for port in traffic.ports]
    return {backend for row in rows for backend in row}


def _addresses(traffic: Traffic) -> set[str]:
    return {backend.address for backend in _backends(traffic)}


def _served_vips(traffic: Traffic) -> set[str]:
    """VIPs, and the addresses of tasks that are gone, that lead to somebody."""
    served = [service for service in traffic.services if service.backends]
    gone = (former.address for service in served for former in service.former if former.gone)
    return {*(service.vip for service in served), *gone}


def _formers(traffic: Traffic) -> set[str]:
    return {former.address for service in traffic.services for former in service.former}


def _served_udp(traffic: Traffic) -> set[int]:
    return {port.port for port in traffic.ports if port.protocol == "udp" and port.backends}
