"""Which tracked flows have to end: those of a task that is gone, and UDP flows that lead to the wrong place.

A flow keeps the way that its first packet took, whatever the table says since then.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from socket import IPPROTO_TCP, IPPROTO_UDP
from typing import NamedTuple

import structlog

from skerry.linux.conntrack import Conntrack, Flow
from skerry.linux.families import spoken
from skerry.model.family import family_of
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


def forget_unestablished(addresses: Iterable[str]) -> None:
    """Delete every TCP flow that these tasks answer, but for those of connections that were left to them: of
    these, the task's goodbye has to find its way. Blocks. Raises OSError."""
    with Conntrack() as conntrack:
        for address in addresses:
            for flow in tuple(conntrack.flows(IPPROTO_TCP, family_of(address), address)):
                if not flow.established:
                    conntrack.delete(flow)


class Astray(NamedTuple):
    """Which UDP flows would go another way now: those that led to addresses that are no backends any more, or
    to VIPs because nobody was there; those to addresses that are no former task's any more; and those to
    ports without a VIP that got or lost their tasks."""

    answerers: Set[str]
    vacated: Set[str]
    ports: Set[int]

    def has(self, flow: Flow) -> bool:
        """Whether a flow is one of them."""
        missed = flow.answerer == flow.destination and flow.port in self.ports
        return flow.answerer in self.answerers or flow.destination in self.vacated or missed


def led_astray(before: Traffic, after: Traffic) -> Astray | None:
    """The flows that have to find their way anew after a change; None where there can be none."""
    before, after = differing(before, after)
    waited = {vip for _, vip in _waiting(before) - _waiting(after)}
    astray = Astray(
        answerers=(_addresses(before) - _addresses(after)) | waited,
        vacated=_formers(before) - _formers(after),
        ports=_served_udp(after) ^ _served_udp(before),
    )
    return astray if any(astray) else None


def forget_udp(astray: Astray) -> None:
    """Delete UDP flows: their next datagram finds its way anew. Blocks."""
    try:
        with Conntrack() as conntrack:
            many = len(astray.answerers) + len(astray.vacated) > FEW
            # a port's own flows are told by what no filter sees
            if astray.ports or many or not _deleted(conntrack, astray):
                for family in spoken():
                    for flow in [flow for flow in conntrack.flows(IPPROTO_UDP, family) if astray.has(flow)]:
                        conntrack.delete(flow)
    except OSError as error:  # they time out by themselves
        log.warning("conntrack", error=str(error))


def _deleted(conntrack: Conntrack, astray: Astray) -> bool:
    """Whether the kernel could delete all of them by their addresses."""
    done = [
        *(conntrack.delete_answered_by(address, IPPROTO_UDP) for address in astray.answerers),
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


def _waiting(traffic: Traffic) -> set[tuple[str, str]]:
    """What leads to a VIP because nobody is there: the VIP itself, UDP ports; and to which."""
    ports = [port for port in traffic.ports if port.protocol == "udp" and port.vip and not port.backends]
    vips = {(service.vip, service.vip) for service in traffic.services if not service.backends}
    return vips | {(port.key, port.vip) for port in ports}


def _formers(traffic: Traffic) -> set[str]:
    return {former.address for service in traffic.services for former in service.former}


def _served_udp(traffic: Traffic) -> set[int]:
    ports = [port for port in traffic.ports if port.protocol == "udp" and not port.vip]
    return {port.port for port in ports if port.backends}
