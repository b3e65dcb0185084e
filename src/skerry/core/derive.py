"""The network as it should be, from the view alone: who is ready, at which addresses, under which names.

A task is in the table exactly while it is wanted and RUNNING, which is to say ready.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain

from msgspec.structs import replace

from skerry.core.naming import network_names, stack_of
from skerry.core.service_traffic import ServiceTraffic, service_traffic
from skerry.core.view import View
from skerry.model.defaults import DEPLOY_WINDOW, SECOND
from skerry.model.objects import Network
from skerry.model.states import TaskState
from skerry.model.traffic import Block, PublishedPort, Segment, Traffic


def traffic(view: View, leaving: frozenset[str] = frozenset()) -> Traffic:
    """Everything that the kernel table, the gate and the DNS have to know; ordered, so it can be compared.

    Tasks whose IDs are in `leaving` are about to be stopped by the agent though the row does not say so yet.
    """
    return TrafficBuilder().of(view, leaving)


class TrafficBuilder:
    """The traffic of one view after another: what a commit left alone is not derived again."""

    def __init__(self) -> None:
        self._shares: dict[str, ServiceTraffic] = {}
        self._networks: Mapping[str, Network] | None = None
        self._leaving: frozenset[str] = frozenset()
        self._waiting: frozenset[str] = frozenset()
        self._last = Traffic()

    def of(
        self,
        view: View,
        leaving: frozenset[str] = frozenset(),
        touched: Iterable[str] | None = None,
        waiting: frozenset[str] = frozenset(),
    ) -> Traffic:
        """The traffic of a view, which is the last one itself where nothing has changed.

        Tasks whose IDs are in `waiting` answer nobody for a moment: who comes for them waits at the gate.
        `touched` are the services that may have changed since the last view, themselves or by a task; None is
        all. Networks are looked at anyway.
        """
        whole = touched is None or view.networks is not self._networks
        if whole:
            stale = {*view.services, *view.index.tasks, *self._shares}
        else:
            changed = (leaving ^ self._leaving) | (waiting ^ self._waiting)
            moved = (view.tasks.get(key) for key in changed)
            stale = {*(touched or ()), *(task.service_id for task in moved if task is not None)}
        self._networks, self._leaving, self._waiting = view.networks, leaving, waiting
        view = _with_waiting(_without(view, leaving), waiting)
        if self._renewed(view, stale) or whole:
            self._last = self._joined(view)
        return self._last

    def _renewed(self, view: View, stale: Iterable[str]) -> bool:
        """Whether any of these shares is another one now."""
        changed = False
        for key in stale:
            before = self._shares.get(key)
            after = service_traffic(view, key) if key in view.services or key in view.index.tasks else None
            if after == before:
                continue
            changed = True
            if after is None:
                del self._shares[key]
            else:
                self._shares[key] = after
        return changed

    def _joined(self, view: View) -> Traffic:
        """The whole traffic: what each service gives, the oldest first, and what networks do."""
        bridges = [network for network in view.networks.values() if network.leg and not network.removed]
        networks = sorted(bridges, key=lambda network: network.id)
        services = sorted(view.services.values(), key=lambda service: (service.created_at, service.id))
        ordered = [self._shares[service.id] for service in services]
        gone = [self._shares[key] for key in sorted(self._shares.keys() - view.services.keys())]
        until = _deploying(networks, ordered)
        return Traffic(
            segments=tuple(segment_of(network) for network in networks),
            services=tuple(chain.from_iterable(share.virtual for share in ordered)),
            ports=_ports(ordered),
            names=tuple(chain.from_iterable(share.names for share in ordered)),
            clients=tuple(chain.from_iterable(share.clients for share in (*ordered, *gone))),
            deploying=tuple((network.id, until[network.id]) for network in networks if network.id in until),
        )


def _without(view: View, leaving: frozenset[str]) -> View:
    for key in leaving:
        if (task := view.tasks.get(key)) is not None:
            view = view.put(replace(task, desired=max(task.desired, TaskState.SHUTDOWN)))
    return view


def _with_waiting(view: View, waiting: frozenset[str]) -> View:
    for key in waiting:
        if (task := view.tasks.get(key)) is not None:
            view = view.put(replace(task, status=replace(task.status, unheard=True)))
    return view


def segment_of(network: Network) -> Segment:
    """A network as the kernel side and the gate know it."""
    return Segment(
        network.id,
        network.bridge,
        network.subnet,
        network.gateway,
        network.leg,
        internal=network.internal,
        names=network_names(network),
        mtu=network.mtu,
        six=None if (six := network.six) is None else Block(six.subnet, six.gateway, six.leg),
    )


def _ports(ordered: Iterable[ServiceTraffic]) -> tuple[PublishedPort, ...]:
    """Published ports, one service each: the one with placed tasks, then the older."""
    owners: dict[tuple[str, int], str] = {}
    rows: dict[tuple[str, int, int], PublishedPort] = {}
    for share in sorted(ordered, key=lambda share: not share.placed):
        for port in share.ports:
            key = port.protocol, port.port
            if owners.setdefault(key, port.service_id) == port.service_id:
                rows.setdefault((*key, port.family.version), port)
    return tuple(rows[key] for key in sorted(rows))


def _deploying(networks: Iterable[Network], shares: Iterable[ServiceTraffic]) -> dict[str, float]:
    """Until when (epoch seconds) services may still be on their way to a stack's network, by its ID."""
    born = {network.id: network.created_at for network in networks if stack_of(network.labels)}
    for network_id, at in chain.from_iterable(share.born for share in shares):
        born[network_id] = max(at, born.get(network_id, 0))
    return {key: (at + DEPLOY_WINDOW) / SECOND for key, at in born.items()}
