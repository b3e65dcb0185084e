"""Which networks a service's tasks join, and through which of them published ports reach them."""

from __future__ import annotations

from skerry.core.view import View
from skerry.model.objects import Attachment, Network, Service
from skerry.model.specs import read_endpoint, read_template


def networks_of(view: View, service: Service) -> tuple[Network, ...]:
    """The networks of the service's tasks.

    Published ports need a network that leads outside: where the service names none, that is `ingress`.
    """
    template = read_template(service.spec.get("TaskTemplate", {}))
    named = [view.networks[one.target] for one in template.networks or () if one.target in view.networks]
    if _publishes(service) and all(network.internal for network in named):
        named += [network for network in view.networks.values() if network.ingress and not network.removed]
    return tuple(named)


def attachments(view: View, service: Service) -> tuple[Attachment, ...]:
    """Places for a new task, their addresses still unknown."""
    return tuple(Attachment(network.id) for network in networks_of(view, service))


def published_network(view: View, service: Service) -> Network | None:
    """The network by which published ports reach the tasks.

    Answers leave a container by its default route, which the engine lays through the network whose name
    comes first; requests must come in on the same one.
    """
    leading_out = [network for network in networks_of(view, service) if not network.internal]
    return min(leading_out, key=lambda network: network.engine_name, default=None)


def publishes_on_host(view: View, service: Service) -> bool:
    """Whether the service wants ports published though its tasks have the machine's own, on `host`."""
    return _publishes(service) and any(not network.subnet for network in networks_of(view, service))


def _publishes(service: Service) -> bool:
    return bool(read_endpoint(service.spec.get("EndpointSpec")).ports)
