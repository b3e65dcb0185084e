"""Which networks a service's tasks join, and through which of them published ports reach them."""

from __future__ import annotations

from operator import itemgetter

from skerry.core.view import View
from skerry.model.family import FOUR, Family, family_of
from skerry.model.objects import Attachment, Network, Service, Task


def networks_of(view: View, service: Service) -> tuple[Network, ...]:
    """The networks of the service's tasks, in the order in which they are shown: `ingress` first."""
    named = _named(view, service)
    return (*_ingress(view), *named) if _needs_ingress(service, named) else named


def lacks_ingress(view: View, service: Service) -> bool:
    """Whether its ports lead by the network `ingress`, and there is none."""
    return _needs_ingress(service, _named(view, service)) and not _ingress(view)


def _named(view: View, service: Service) -> tuple[Network, ...]:
    named = service.spec.typed.task_template.networks
    return tuple(view.networks[config.target] for config in named if config.target in view.networks)


def _ingress(view: View) -> tuple[Network, ...]:
    return tuple(network for network in view.networks.values() if network.ingress and not network.removed)


def _needs_ingress(service: Service, named: tuple[Network, ...]) -> bool:
    """Tasks with a port of ingress mode are on `ingress`, as in a swarm, where clients look them up.

    Ports of host mode are the kernel's here, and lead by it where the tasks have no network of ours that
    leads outside.
    """
    modes = {port.publish_mode for port in service.spec.typed.endpoint_spec.ports}
    if "ingress" in modes:
        return True
    reached = any(_leads_out(network) or network.driver == "host" for network in named)
    return bool(modes) and not reached


def _leads_out(network: Network) -> bool:
    return bool(network.leg) and not network.internal


def attachments(view: View, service: Service) -> tuple[Attachment, ...]:
    """Places for a new task, their addresses still unknown."""
    return tuple(Attachment(network.id) for network in networks_of(view, service))


def holding_network(view: View, service: Service, family: Family = FOUR) -> Network | None:
    """The network on whose virtual IP connections to published ports wait while no task is ready."""
    vips = {vip.network_id for vip in service.endpoint.vips if family_of(vip.address) is family}
    leading_out = (network for network in networks_of(view, service) if _leads_out(network))
    return next((network for network in leading_out if network.id in vips), None)


def way_in(view: View, task: Task) -> Attachment | None:
    """The place by which published ports reach a task, if it has one.

    Answers leave a container by its default route, which the engine lays through the network whose name
    comes first, of those that have IPv6 if there is one; requests must come in on the same one.
    """
    places = [
        ((network.six is None, network.engine_name), place)
        for place in task.attachments
        if place.address and (network := view.networks.get(place.network_id)) and _leads_out(network)
    ]
    return min(places, key=itemgetter(0))[1] if places else None


def leads_elsewhere(view: View, task: Task) -> bool:
    """Whether a task is on a network of the engine's own, too, by which its default route may lead."""
    networks = (view.networks.get(place.network_id) for place in task.attachments)
    return any(network is not None and not network.leg for network in networks)


def publishes_on_host(view: View, service: Service) -> bool:
    """Whether the service wants ports published though its tasks have the machine's own, on `host`."""
    ports = service.spec.typed.endpoint_spec.ports
    return bool(ports) and any(network.driver == "host" for network in networks_of(view, service))
