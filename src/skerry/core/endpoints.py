"""The network as it should be, from the view alone: who is ready, at which addresses, under which names.

A task is in the table exactly while it is wanted and RUNNING, which is to say ready.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from skerry.core.attach import networks_of, published_network
from skerry.core.handling import handling_of
from skerry.core.view import View
from skerry.model.defaults import DEPLOY_WINDOW, SECOND
from skerry.model.objects import Network, Service, Task
from skerry.model.specs import read_endpoint, read_template
from skerry.model.states import TaskState
from skerry.model.traffic import Backend, Client, Name, PublishedPort, Segment, Traffic, VirtualService

STACK_LABEL = "com.docker.stack.namespace"


def traffic(view: View, leaving: frozenset[str] = frozenset()) -> Traffic:
    """Everything the kernel table, the gate and the DNS have to know; sorted, so it can be compared.

    Tasks whose IDs are in `leaving` are about to be stopped by the agent though the row does not say so yet.
    """
    view = _without(view, leaving)
    bridges = [one for one in view.networks.values() if one.leg and not one.removed]
    networks = sorted(bridges, key=lambda network: network.id)
    services = sorted(view.services.values(), key=lambda service: (service.created_at, service.id))
    return Traffic(
        segments=tuple(_segment(network) for network in networks),
        services=tuple(one for service in services for one in _virtual(view, service)),
        ports=tuple(_ports(view, services)),
        names=tuple(sorted(_names(view, services), key=lambda name: (name.network_id, name.name))),
        clients=tuple(_clients(view)),
        deploying=tuple((network.id, until) for network in networks if (until := _deploying(view, network))),
    )


def _without(view: View, leaving: frozenset[str]) -> View:
    for key in leaving:
        if (task := view.tasks.get(key)) is not None:
            view = view.put(replace(task, desired=max(task.desired, TaskState.SHUTDOWN)))
    return view


def in_table(task: Task) -> bool:
    """Whether new connections may reach a task."""
    return task.live and task.status.state == TaskState.RUNNING


def _segment(network: Network) -> Segment:
    return Segment(
        network.id, network.bridge, network.subnet, network.gateway, network.leg, internal=network.internal
    )


def _backends(view: View, service: Service, network_id: str) -> tuple[Backend, ...]:
    return tuple(
        Backend(task.id, one.address)
        for task in view.tasks_of(service.id)
        if in_table(task)
        for one in task.attachments
        if one.network_id == network_id and one.address
    )


def _virtual(view: View, service: Service) -> Iterator[VirtualService]:
    for vip in service.endpoint.vips:
        if vip.address:
            backends = _backends(view, service, vip.network_id)
            hold_s = handling_of(service).hold_timeout / SECOND
            yield VirtualService(service.id, vip.network_id, vip.address, backends, hold_s)


def _ports(view: View, services: list[Service]) -> Iterator[PublishedPort]:
    """Published ports, one service each: the one with placed tasks, then the older."""
    owners: dict[tuple[str, int], PublishedPort] = {}
    by_placed = sorted(services, key=lambda service: not _placed(view, service))
    for service in by_placed:
        network = published_network(view, service)
        vips = {vip.network_id: vip.address for vip in service.endpoint.vips}
        if network is None or network.id not in vips:
            continue
        backends = _backends(view, service, network.id)
        for port in service.endpoint.ports:
            key = (port.protocol, port.published)
            if port.published and key not in owners:
                owners[key] = PublishedPort(
                    port.protocol, port.published, port.target, service.id, vips[network.id], backends,
                    handling_of(service).hold_timeout / SECOND,
                )  # fmt: skip
    for key in sorted(owners):
        yield owners[key]


def _placed(view: View, service: Service) -> bool:
    return any(
        TaskState.ASSIGNED <= task.status.state <= TaskState.RUNNING for task in view.tasks_of(service.id)
    )


def _names(view: View, services: list[Service]) -> Iterator[Name]:
    for service in services:
        by_vip = read_endpoint(service.spec.get("EndpointSpec")).mode != "dnsrr"
        vips = {vip.network_id: vip.address for vip in service.endpoint.vips}
        for network in networks_of(view, service):
            if network.id not in vips:
                continue
            tasks = _backends(view, service, network.id)
            each = tuple(backend.address for backend in tasks)
            for name in _service_names(service, network):
                yield Name(network.id, name, (vips[network.id],) if by_vip else each)
                yield Name(network.id, f"tasks.{name}", each)
            for backend in tasks:
                yield Name(network.id, view.tasks[backend.task_id].name.lower(), (backend.address,))


def _service_names(service: Service, network: Network) -> Iterator[str]:
    template = read_template(service.spec.get("TaskTemplate", {}))
    yield service.name.lower()
    yield f"{service.name}.{network.name}".lower()
    for one in template.networks or ():
        if one.target == network.id:
            yield from (alias.lower() for alias in one.aliases or () if alias.lower() != service.name.lower())


def _clients(view: View) -> Iterator[Client]:
    for task in sorted(view.tasks.values(), key=lambda task: task.id):
        addresses = [one for one in task.attachments if one.address]
        if task.status.state.terminal or not addresses:
            continue
        dns = read_template(task.spec).container.dns_config
        networks = tuple(one.network_id for one in addresses)
        for one in addresses:
            yield Client(
                one.address, networks, tuple((dns and dns.nameservers) or ()), task_id=task.id
            )  # fmt: skip


def _deploying(view: View, network: Network) -> float:
    """Until when (epoch seconds) services may still be on their way to a stack's network; 0 if none."""
    born = [network.created_at] if STACK_LABEL in (network.spec.get("Labels") or {}) else []
    for service in view.services.values():
        labels = service.spec.get("Labels") or {}
        if STACK_LABEL in labels and any(vip.network_id == network.id for vip in service.endpoint.vips):
            born.append(service.created_at)
    return (max(born) + DEPLOY_WINDOW) / SECOND if born else 0.0
