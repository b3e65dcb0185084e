"""Names as one immutable value with a pure look-up. The answer depends on who asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address

from skerry.model.traffic import Client, Traffic


@dataclass(frozen=True)
class Zone:
    """All names of all networks at one moment."""

    names: Mapping[tuple[str, str], tuple[str, ...]]
    """(network ID, lower-case name) to its addresses."""
    clients: Mapping[str, Client]
    legs: Mapping[str, str]
    """Leg address to its network."""
    reverse: Mapping[tuple[str, str], str]
    """(network ID, address) to a name that has no other address."""
    enclosed: Mapping[str, IPv4Network]
    """The subnets of internal networks, by network ID."""
    deploying: Mapping[str, float]
    """Network ID to the end (epoch seconds) of the deploy under way there."""

    @staticmethod
    def of(traffic: Traffic) -> Zone:
        """The zone of a whole state."""
        names = {(name.network_id, _folded(name.name)): name.addresses for name in traffic.names}
        vips = {service.vip for service in traffic.services}
        reverse: dict[tuple[str, str], str] = {}
        for (network, name), addresses in sorted(names.items(), key=lambda item: (len(item[0][1]), item[0])):
            if len(addresses) == 1 and addresses[0] not in vips:
                reverse[network, addresses[0]] = name  # the longest wins: the task's own name
        return Zone(
            names=names,
            clients={client.address: client for client in traffic.clients},
            legs={segment.leg: segment.network_id for segment in traffic.segments},
            reverse=reverse,
            enclosed={one.network_id: IPv4Network(one.subnet) for one in traffic.segments if one.internal},
            deploying=dict(traffic.deploying),
        )

    def networks_of(self, requester: str, leg: str = "") -> tuple[str, ...]:
        """The networks whose names an address sees; an unknown one sees that of the leg it asked."""
        client = self.clients.get(requester)
        if client is not None:
            return client.network_ids
        return (self.legs[leg],) if leg in self.legs else ()

    def lookup(self, requester: str, name: str, leg: str = "") -> tuple[str, ...] | None:
        """The addresses of a name for a requester; None if it is not a name of ours."""
        folded = _folded(name)
        for network in self.networks_of(requester, leg):
            found = self.names.get((network, folded))
            if found is not None:
                return found
        return None

    def name_of(self, requester: str, address: str, leg: str = "") -> str | None:
        """The name of an address that the requester sees, or None."""
        for network in self.networks_of(requester, leg):
            found = self.reverse.get((network, address))
            if found is not None:
                return found
        return None

    def may_appear(self, requester: str, now: float, leg: str = "") -> bool:
        """Whether a deploy under way (at epoch second `now`) may still bring a name that is unknown."""
        return any(self.deploying.get(network, 0.0) > now for network in self.networks_of(requester, leg))

    def nameservers(self, requester: str) -> tuple[str, ...]:
        """The requester's own upstream servers, if it has any."""
        client = self.clients.get(requester)
        return client.nameservers if client else ()

    def may_ask(self, requester: str, server: str, leg: str = "") -> bool:
        """Whether a question may be carried to a server: who has internal networks alone asks within these.

        A question that leaves is a message to whoever answers it.
        """
        networks = self.networks_of(requester, leg)
        if not networks or any(network not in self.enclosed for network in networks):
            return True
        address = ip_address(server.partition("%")[0])
        return any(address in self.enclosed[network] for network in networks)


def _folded(name: str) -> str:
    return name.lower().rstrip(".")
