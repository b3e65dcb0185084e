"""Names: what a service and its tasks are called on a network, and as whom a task asks for names.

docs/names.md has the rules; `gate.zone` carries them out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from skerry.core.view import View
from skerry.model.labels import STACK
from skerry.model.objects import Attachment, Network, Service, Task
from skerry.model.template import TemplateError, context_of, expand
from skerry.model.traffic import Backend, Client, Name

SHORT_ID = 12


def stack_of(labels: Mapping[str, str]) -> str:
    """The stack that a service or a network belongs to, by its labels; empty where it is in none."""
    return labels.get(STACK, "")


def network_names(network: Network) -> tuple[str, ...]:
    """What stands for a network in `X.NETWORK`: its name, and that without its stack's, as in the file."""
    names = (network.name, network.name.removeprefix(f"{stack_of(network.labels)}_"))
    return tuple(dict.fromkeys(names))


def names_of(
    view: View, service: Service, network: Network, vips: tuple[str, ...], backends: Iterable[Backend]
) -> Iterator[Name]:
    """All names of a service and its ready tasks on one network; without `vips` all lead to its tasks."""
    by_vip = vips and service.spec.typed.endpoint_spec.mode != "dnsrr"
    stack = stack_of(service.spec.typed.labels)
    each = tuple(backend.address for backend in backends)
    for name in _service_names(service, network):
        yield Name(network.id, name, vips if by_vip else each, stack=stack, ready=bool(each))
        yield Name(network.id, f"tasks.{name}", each, stack=stack, ready=bool(each))
    own: dict[str, tuple[str, ...]] = {}
    for backend in backends:
        own[backend.task_id] = (*own.get(backend.task_id, ()), backend.address)
    for task_id, addresses in own.items():
        yield from _task_names(view, view.tasks[task_id], network, addresses, stack)


def _service_names(service: Service, network: Network) -> Iterator[str]:
    names = [service.name]
    for attachment in service.spec.typed.task_template.networks:
        if attachment.target == network.id:
            names += attachment.aliases
    yield from dict.fromkeys(name.lower() for name in names)


def _task_names(
    view: View, task: Task, network: Network, addresses: tuple[str, ...], stack: str
) -> Iterator[Name]:
    yield Name(network.id, task.name, addresses, rank=1, stack=stack)
    for name in filter(None, dict.fromkeys((_short_id(task), _hostname(view, task)))):
        yield Name(network.id, name, addresses, rank=2, stack=stack)


def _short_id(task: Task) -> str:
    return task.status.container_id[:SHORT_ID]


def _hostname(view: View, task: Task) -> str:
    """What the container calls itself: its short ID, unless the spec says something else."""
    text = task.spec.typed.container_spec.hostname
    try:
        filled = expand(text, context_of(task, view.nodes.get(task.node_id))) if "{{" in text else text
    except TemplateError:  # such a task does not start
        filled = ""
    return filled.lower() or _short_id(task)


def clients_of(view: View, task: Task) -> Iterator[Client]:
    """A task as one who asks, from each of its addresses. On `ingress`, the last, nobody has a name."""
    places = sorted(
        (place for place in task.attachments if place.address), key=lambda place: _order(view, place)
    )
    if task.status.state.terminal or not places:
        return
    dns = task.spec.typed.container_spec.dns_config
    service = view.services.get(task.service_id)
    named = [place for place in places if not _order(view, place)[0]]
    client = Client(
        "",
        tuple(place.network_id for place in places),
        tuple(dns.nameservers),
        task_id=task.id,
        stack=stack_of(service.spec.typed.labels) if service else "",
        hostname=_hostname(view, task),
        addresses=tuple(place.address for place in named),
        sixes=tuple(place.six for place in named) if any(place.six for place in named) else (),
    )
    for place in places:
        for address in place.addresses:
            yield replace(client, address=address)


def _order(view: View, place: Attachment) -> tuple[bool, bool, str]:
    """A name is looked for as in Swarm: by the networks' names, internal ones later, `ingress` last."""
    network = view.networks.get(place.network_id)
    return (network.ingress, network.internal, network.name) if network else (True, True, "")
