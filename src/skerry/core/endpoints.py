"""The network as it should be, from the view alone: who is ready, at which addresses, under which names.

A task is in the table exactly while it is wanted and RUNNING, which is to say ready.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from msgspec.structs import replace

from skerry.core.share import Share, Shares
from skerry.core.view import View
from skerry.model.defaults import DEPLOY_WINDOW, SECOND
from skerry.model.objects import Network
from skerry.model.states import TaskState
from skerry.model.traffic import PublishedPort, Segment, Traffic

STACK_LABEL = "com.docker.stack.namespace"


def traffic(view: View, leaving: frozenset[str] = frozenset(), shares: Shares | None = None) -> Traffic:
    """Everything the kernel table, the gate and the DNS have to know; sorted, so it can be compared.

    Tasks whose IDs are in `leaving` are about to be stopped by the agent though the row does not say so yet.
    `shares` are those of the last time: what has not changed since is taken from there.
    """
    view = _without(view, leaving)
    bridges = [one for one in view.networks.values() if one.leg and not one.removed]
    networks = sorted(bridges, key=lambda network: network.id)
    found = (shares or Shares()).of(view)
    services = sorted(view.services.values(), key=lambda service: (service.created_at, service.id))
    ordered = [found[service.id] for service in services]
    names = chain.from_iterable(one.names for one in ordered)
    clients = chain.from_iterable(one.clients for one in found.values())
    return Traffic(
        segments=tuple(_segment(network) for network in networks),
        services=tuple(chain.from_iterable(one.virtual for one in ordered)),
        ports=_ports(ordered),
        names=tuple(sorted(names, key=lambda name: (name.network_id, name.name))),
        clients=tuple(sorted(clients, key=lambda client: client.task_id)),
        deploying=tuple((network.id, until) for network in networks if (until := _deploying(view, network))),
    )


def _without(view: View, leaving: frozenset[str]) -> View:
    for key in leaving:
        if (task := view.tasks.get(key)) is not None:
            view = view.put(replace(task, desired=max(task.desired, TaskState.SHUTDOWN)))
    return view


def _segment(network: Network) -> Segment:
    return Segment(
        network.id, network.bridge, network.subnet, network.gateway, network.leg, internal=network.internal
    )


def _ports(ordered: Iterable[Share]) -> tuple[PublishedPort, ...]:
    """Published ports, one service each: the one with placed tasks, then the older."""
    owners: dict[tuple[str, int], PublishedPort] = {}
    for one in sorted(ordered, key=lambda share: not share.placed):
        for port in one.ports:
            owners.setdefault((port.protocol, port.port), port)
    return tuple(owners[key] for key in sorted(owners))


def _deploying(view: View, network: Network) -> float:
    """Until when (epoch seconds) services may still be on their way to a stack's network; 0 if none."""
    born = [network.created_at] if STACK_LABEL in (network.spec.get("Labels") or {}) else []
    for service in view.services.values():
        labels = service.spec.get("Labels") or {}
        if STACK_LABEL in labels and any(vip.network_id == network.id for vip in service.endpoint.vips):
            born.append(service.created_at)
    return (max(born) + DEPLOY_WINDOW) / SECOND if born else 0.0
