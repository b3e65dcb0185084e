"""What one service gives to the network as a whole: its VIPs, ports, names and clients.

It depends on the service's row, its tasks and the networks, and on nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from skerry.core.attach import holding_network, leads_elsewhere, networks_of, way_in
from skerry.core.handling import handling_of
from skerry.core.view import View
from skerry.model.defaults import SECOND
from skerry.model.objects import Attachment, Network, Service, Task
from skerry.model.specs import read_endpoint, read_template
from skerry.model.states import TaskState
from skerry.model.template import TemplateError, context_of, expand
from skerry.model.traffic import Backend, Client, Name, PublishedPort, VirtualService

STACK_LABEL = "com.docker.stack.namespace"
SHORT_ID = 12


@dataclass(frozen=True)
class Share:
    """A service's part of the traffic. One that is gone has clients alone, while its last tasks end."""

    virtual: tuple[VirtualService, ...] = ()
    ports: tuple[PublishedPort, ...] = ()
    names: tuple[Name, ...] = ()
    clients: tuple[Client, ...] = ()
    born: tuple[tuple[str, int], ...] = ()
    """Of a stack's service: the networks of its VIPs, and when (ns) it was made."""
    placed: bool = False
    """Whether one of its tasks has a place: such a service keeps a port that another one wants too."""


def share(view: View, service_id: str) -> Share:
    """A service's share, made from its row, its tasks and the networks."""
    tasks = view.tasks_of(service_id)
    clients = tuple(client for task in tasks for client in _clients(view, task))
    service = view.services.get(service_id)
    if service is None:
        return Share(clients=clients)
    return Share(
        virtual=tuple(_virtual(view, service)),
        ports=tuple(_ports(view, service)),
        names=tuple(_names(view, service)),
        clients=clients,
        born=tuple(_born(service)),
        placed=any(TaskState.ASSIGNED <= task.status.state <= TaskState.RUNNING for task in tasks),
    )


def in_table(task: Task) -> bool:
    """Whether new connections may reach a task."""
    return task.live and task.status.state == TaskState.RUNNING


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


def _ports(view: View, service: Service) -> Iterator[PublishedPort]:
    network = holding_network(view, service)
    if network is None:
        return
    vips = {vip.network_id: vip.address for vip in service.endpoint.vips}
    hold_s = handling_of(service).hold_timeout / SECOND
    backends = tuple(_entrances(view, service))
    for port in service.endpoint.ports:
        if port.published and not port.fault:
            yield PublishedPort(
                port.protocol, port.published, port.target, service.id, vips[network.id], backends, hold_s
            )
    for task in view.tasks_of(service.id):
        if task.live and not task.status.state.terminal:
            own = tuple(backend for backend in backends if backend.task_id == task.id)
            for port in task.ports:
                if port.published and not port.fault:  # no virtual IP: that would lead to its neighbours
                    yield PublishedPort(
                        port.protocol, port.published, port.target, service.id, "", own, hold_s
                    )


def _entrances(view: View, service: Service) -> Iterator[Backend]:
    """Where published ports reach each ready task."""
    for task in view.tasks_of(service.id):
        if in_table(task) and (place := way_in(view, task)) is not None:
            yield Backend(task.id, place.address, masked=leads_elsewhere(view, task))


def _names(view: View, service: Service) -> Iterator[Name]:
    by_vip = read_endpoint(service.spec.get("EndpointSpec")).mode != "dnsrr"
    vips = {vip.network_id: vip.address for vip in service.endpoint.vips}
    stack = _stack(service)
    for network in networks_of(view, service):
        if network.id not in vips and not network.node_local:
            continue
        tasks = _backends(view, service, network.id)
        ready, each = bool(tasks), tuple(backend.address for backend in tasks)
        for name in _service_names(service, network):
            addresses = (vips[network.id],) if by_vip and network.id in vips else each
            yield Name(network.id, name, addresses, stack=stack, ready=ready)
            yield Name(network.id, f"tasks.{name}", each, stack=stack, ready=ready)
        for backend in tasks:
            yield from _task_names(view, view.tasks[backend.task_id], network, backend.address, stack)


def _service_names(service: Service, network: Network) -> Iterator[str]:
    template = read_template(service.spec.get("TaskTemplate", {}))
    names = [service.name]
    for attachment in template.networks or ():
        if attachment.target == network.id:
            names += attachment.aliases or ()
    yield from dict.fromkeys(name.lower() for name in names)


def _task_names(view: View, task: Task, network: Network, address: str, stack: str) -> Iterator[Name]:
    yield Name(network.id, task.name.lower(), (address,), rank=1, stack=stack)
    for name in filter(None, dict.fromkeys((_short_id(task), _hostname(view, task)))):
        yield Name(network.id, name, (address,), rank=2, stack=stack)


def _short_id(task: Task) -> str:
    return task.status.container_id[:SHORT_ID]


def _hostname(view: View, task: Task) -> str:
    """What the container calls itself: its short ID, unless the spec says something else."""
    text = read_template(task.spec).container.hostname
    try:
        filled = expand(text, context_of(task, view.nodes.get(task.node_id))) if "{{" in text else text
    except TemplateError:  # such a task does not start
        filled = ""
    return filled.lower() or _short_id(task)


def _stack(service: Service) -> str:
    return str((service.spec.get("Labels") or {}).get(STACK_LABEL, ""))


def _born(service: Service) -> Iterator[tuple[str, int]]:
    if _stack(service):
        for vip in service.endpoint.vips:
            yield vip.network_id, service.created_at


def _clients(view: View, task: Task) -> Iterator[Client]:
    places = sorted((one for one in task.attachments if one.address), key=lambda one: _order(view, one))
    if task.status.state.terminal or not places:
        return
    dns = read_template(task.spec).container.dns_config
    service = view.services.get(task.service_id)
    client = Client(
        "",
        tuple(place.network_id for place in places),
        tuple((dns and dns.nameservers) or ()),
        task_id=task.id,
        stack=_stack(service) if service else "",
        hostname=_hostname(view, task),
        addresses=tuple(place.address for place in places),
    )
    for place in places:
        yield replace(client, address=place.address)


def _order(view: View, place: Attachment) -> tuple[bool, str]:
    """A name is looked for by the networks' names, as in Swarm, and on `ingress` last."""
    network = view.networks.get(place.network_id)
    return (network.ingress, network.name) if network else (True, "")
