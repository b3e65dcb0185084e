"""Plain containers on our networks, guests, and what they give to the network: names, and who asks.

They are known to the engine alone; what is derived here from its words is what tasks have from the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from skerry.model.container_labels import TASK_ID
from skerry.model.family import SIX
from skerry.model.objects import Network, Raw
from skerry.model.traffic import Client, Name

SHORT_ID = 12
NAMELESS = ("bridge", "host", "none")
"""The engine's own networks, on which nobody has a name."""


@dataclass(frozen=True)
class GuestEndpoint:
    """A container's place on one network; `network` is the engine's name of it, `key` what names there are
    told apart by: our ID or else the engine's."""

    network: str
    key: str
    address: str
    aliases: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    six: str = ""
    """Its address over IPv6, where it has one."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its addresses, IPv4 first."""
        return (self.address, self.six) if self.six else (self.address,)


@dataclass(frozen=True)
class Container:
    """A running container that is no task. `legs`: where names of its networks of ours are answered, with its
    own address there."""

    id: str
    name: str
    hostname: str
    pid: int
    nameservers: tuple[str, ...]
    endpoints: tuple[GuestEndpoint, ...]
    legs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Guests:
    """What all guests give to the network."""

    names: tuple[Name, ...] = ()
    clients: tuple[Client, ...] = ()


def container_of(inspection: Raw, networks: Mapping[str, Network]) -> Container | None:
    """An inspected container, where it runs and is no task; `networks` are ours by the engine's names."""
    config, host = inspection.get("Config") or {}, inspection.get("HostConfig") or {}
    if not inspection["State"].get("Running") or TASK_ID in (config.get("Labels") or {}):
        return None
    endpoints = tuple(_endpoints(inspection, networks))
    ours = [
        (networks[endpoint.network].leg, endpoint.address)
        for endpoint in endpoints
        if endpoint.network in networks
    ]
    legs = {network.leg for network in networks.values()}
    return Container(
        id=str(inspection["Id"]),
        name=str(inspection.get("Name", "")).removeprefix("/"),
        hostname=str(config.get("Hostname") or "").lower(),
        pid=int(inspection["State"].get("Pid") or 0),
        nameservers=tuple(server for server in host.get("Dns") or () if server not in legs),
        endpoints=endpoints,
        legs=tuple(ours),
    )


def _endpoints(inspection: Raw, networks: Mapping[str, Network]) -> Iterator[GuestEndpoint]:
    places = (inspection.get("NetworkSettings") or {}).get("Networks") or {}
    for name, place in sorted(places.items(), key=lambda item: _shown(item[0], networks)):
        if place and place.get("IPAddress") and name not in NAMELESS:
            network = networks.get(name)
            yield GuestEndpoint(
                name,
                network.id if network is not None else str(place.get("NetworkID")),
                str(place["IPAddress"]),
                tuple(dict.fromkeys(alias.lower() for alias in place.get("Aliases") or ())),
                tuple(_link(text.lower()) for text in place.get("Links") or ()),
                str(place.get(SIX.shown_key) or ""),
            )


def _shown(name: str, networks: Mapping[str, Network]) -> tuple[bool, str]:
    """A name is looked for by the networks' names, internal ones later, as in Swarm."""
    return (networks[name].internal, networks[name].name) if name in networks else (False, name)


def _link(text: str) -> tuple[str, str]:
    """`name:alias`: the alias, and whom it means."""
    name, _, alias = text.partition(":")
    return alias or name, name


def guests(containers: Iterable[Container]) -> Guests:
    """What the containers on our networks give to the network. Whom they can name on other networks of the
    engine's is told, too: the gate answers them everything."""
    containers = sorted(containers, key=lambda container: container.id)
    seen_by_guests = {
        place.key for container in containers if container.legs for place in container.endpoints
    }
    return Guests(
        tuple(
            name
            for container in containers
            for name in _names(container)
            if name.network_id in seen_by_guests
        ),
        tuple(client for container in containers for client in _clients(container)),
    )


def _names(container: Container) -> Iterator[Name]:
    low = dict.fromkeys((container.id[:SHORT_ID], container.hostname))
    for place in container.endpoints:
        high = dict.fromkeys((container.name, *(alias for alias in place.aliases if alias not in low)))
        for rank, names in ((1, high), (2, low)):
            for name in filter(None, names):
                yield Name(place.key, name, place.addresses, rank=rank)


def _clients(container: Container) -> Iterator[Client]:
    """A client for each address from which the container asks for names; all of them get the same answers."""
    asking = {address for _, address in container.legs}
    for address in (
        own for place in container.endpoints for own in place.addresses if place.address in asking
    ):
        yield Client(
            address,
            tuple(place.key for place in container.endpoints),
            container.nameservers,
            hostname=container.hostname,
            addresses=tuple(place.address for place in container.endpoints),
            sixes=tuple(place.six for place in container.endpoints),
            links=tuple(link for place in container.endpoints for link in place.links),
        )
