"""Names as one immutable value with a pure look-up. The answer depends on who asks.

The rules are written down in docs/names.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from skerry.model.family import family_of
from skerry.model.traffic import Client, Name, Traffic

Subnet = IPv4Network | IPv6Network

HOSTNAME_RANK = 2
TASK_RANK = 1


@dataclass(frozen=True)
class Zone:
    """All names of all networks at one moment."""

    names: Mapping[tuple[str, str], Sequence[Name]]
    """(network ID, lower-case name) to whoever bears it there."""
    clients: Mapping[str, Client]
    legs: Mapping[str, str]
    """Leg address to its network."""
    labels: Mapping[str, tuple[str, ...]]
    """Network ID to what stands for it behind the dot, lower case."""
    titles: Mapping[str, str]
    """Network ID to its name, as users wrote it."""
    reverse: Mapping[tuple[str, str], str]
    """(network ID, address) to the name of the task or container that has it."""
    subnets: Mapping[str, tuple[Subnet, ...]]
    """By network ID."""
    enclosed: frozenset[str]
    """The IDs of internal networks."""
    deploying: Mapping[str, float]
    """Network ID to the end (epoch seconds) of the deploy under way there."""

    @staticmethod
    def of(traffic: Traffic) -> Zone:
        """The zone of a whole state."""
        names: dict[tuple[str, str], list[Name]] = {}
        reverse: dict[tuple[str, str], str] = {}
        for row in traffic.names:
            names.setdefault((row.network_id, _folded(row.name)), []).append(row)
            if row.rank == TASK_RANK and len({family_of(address) for address in row.addresses}) == len(
                row.addresses
            ):
                for address in row.addresses:
                    reverse.setdefault((row.network_id, address), row.name)
        return Zone(
            names=names,
            clients={client.address: client for client in traffic.clients},
            legs={block.leg: segment.network_id for segment in traffic.segments for block in segment.blocks},
            labels={
                segment.network_id: tuple(name.lower() for name in segment.names)
                for segment in traffic.segments
            },
            titles={segment.network_id: segment.names[0] for segment in traffic.segments if segment.names},
            reverse=reverse,
            subnets={
                segment.network_id: tuple(ip_network(block.subnet) for block in segment.blocks)
                for segment in traffic.segments
            },
            enclosed=frozenset(segment.network_id for segment in traffic.segments if segment.internal),
            deploying=dict(traffic.deploying),
        )

    def asker(self, requester: str, leg: str = "") -> Client:
        """Who asks from an address; an unknown one sees the network of the leg it asked."""
        client = self.clients.get(requester)
        if client is None:
            client = Client(requester, (self.legs[leg],) if leg in self.legs else ())
        return client

    def lookup(self, asker: Client, name: str) -> tuple[str, ...] | None:
        """The addresses of a name for an asker; None if it is not a name of ours.

        A name with dots may be a whole name, or one on the network that stands behind one of the dots.
        """
        folded = _folded(name)
        folded = dict(asker.links).get(folded, folded)
        for label, networks in self._readings(asker, folded):
            addresses = self._resolve(asker, label, networks)
            if addresses is not None:
                return addresses
        return None

    def _readings(self, asker: Client, name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        yield name, asker.network_ids
        dot = name.rfind(".")
        while dot > 0:
            label, network = name[:dot], name[dot + 1 :]
            yield label, tuple(key for key in asker.network_ids if network in self.labels.get(key, ()))
            dot = name.rfind(".", 0, dot)

    def _resolve(self, asker: Client, label: str, networks: tuple[str, ...]) -> tuple[str, ...] | None:
        """The rows of the lowest rank count; among these the asker's own stack's, on the first network."""
        rows = [(at, row) for at, key in enumerate(networks) for row in self.names.get((key, label), ())]
        best = min((_precedence(asker, at, row) for at, row in rows), default=None)
        own = _own_addresses(asker, networks) if label == asker.hostname else ()
        if own and (best is None or best[0] == HOSTNAME_RANK):
            return own
        if best is None:
            return None
        chosen = [row for at, row in rows if _precedence(asker, at, row) == best]
        return _addresses([row for row in chosen if row.ready and row.addresses] or chosen)

    def name_of(self, asker: Client, address: str) -> str | None:
        """`TASK.NETWORK` of an address that the asker sees, or None."""
        for network in asker.network_ids:
            name = self.reverse.get((network, address))
            if name is not None:
                title = self.titles.get(network)
                return f"{name}.{title}" if title else name
        return None

    def denies(self, asker: Client, name: str) -> bool:
        """Whether nobody else can know a name that is not here: one on a network of the asker's.

        A network's name that could be a domain of the world's is not denied: `X.app` may be there.
        """
        folded = _folded(name)
        labels = (label for key in asker.network_ids for label in self.labels.get(key, ()))
        return any("_" in label and folded.endswith(f".{label}") for label in labels)

    def sees(self, asker: Client, address: str) -> bool:
        """Whether an address belongs to a network of the asker."""
        return _within(address, (net for key in asker.network_ids for net in self.subnets.get(key, ())))

    def may_appear(self, asker: Client, now: float) -> bool:
        """Whether a deploy under way (at epoch second `now`) may still bring a name that is unknown."""
        return any(self.deploying.get(network, 0.0) > now for network in asker.network_ids)

    def may_ask(self, asker: Client, server: str) -> bool:
        """Whether a question may be carried to a server: who has internal networks alone asks within these.

        A question that leaves is a message to whoever answers it.
        """
        if not asker.network_ids or any(network not in self.enclosed for network in asker.network_ids):
            return True
        return self.sees(asker, server)


def _folded(name: str) -> str:
    return name.lower().rstrip(".")


def _precedence(asker: Client, at: int, row: Name) -> tuple[int, bool, int]:
    return row.rank, not asker.stack or row.stack != asker.stack, at


def _own_addresses(asker: Client, networks: tuple[str, ...]) -> tuple[str, ...]:
    """Its own address on the first of these networks, of each family."""
    both = (dict(zip(asker.network_ids, own, strict=False)) for own in (asker.addresses, asker.sixes))
    firsts = (next((own[key] for key in networks if own.get(key)), "") for own in both)
    return tuple(filter(None, firsts))


def _addresses(rows: Iterable[Name]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(address for row in rows for address in row.addresses))


def _within(address: str, subnets: Iterable[Subnet]) -> bool:
    parsed = ip_address(address.partition("%")[0])
    return any(parsed in subnet for subnet in subnets)
