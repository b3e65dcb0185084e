"""Which tracked flows have to end: those of a task that is gone, and UDP flows that lead to the wrong place.

A flow keeps the way that its first packet took, whatever the table says since then.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from socket import IPPROTO_UDP

import structlog

from skerry.linux.conntrack import Conntrack, Flow
from skerry.model.traffic import Backend, Traffic
from skerry.network.difference import differing

log = structlog.get_logger()


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


def forget_udp(before: Traffic, after: Traffic) -> None:
    """Delete the UDP flows to backends that left, and those that the table did not translate although it
    would now: their next datagram finds its way anew. Blocks."""
    before, after = differing(before, after)
    gone = _addresses(before) - _addresses(after)
    vips = _served_vips(after) - _served_vips(before)
    ports = _served_udp(after) ^ _served_udp(before)
    if not (gone or vips or ports):
        return
    try:
        with Conntrack() as conntrack:
            doomed = [flow for flow in conntrack.flows(IPPROTO_UDP) if _is_astray(flow, gone, vips, ports)]
            for flow in doomed:
                conntrack.delete(flow)
    except OSError as error:  # they time out by themselves
        log.warning("conntrack", error=str(error))
    else:
        log.debug("forgot UDP flows", count=len(doomed))


def _is_astray(flow: Flow, gone: Set[str], vips: Set[str], ports: Set[int]) -> bool:
    missed = flow.answerer == flow.destination and (flow.destination in vips or flow.port in ports)
    return flow.answerer in gone or missed


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
    return {service.vip for service in traffic.services if service.backends}


def _served_udp(traffic: Traffic) -> set[int]:
    return {port.port for port in traffic.ports if port.protocol == "udp" and port.backends}
