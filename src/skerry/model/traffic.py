"""The network as one value: derived from the store by `core.derive`, of which `network` applies what differs.

The kernel table, the gate's sockets and the DNS zone are all rendered from a `Traffic`; nothing about
them is kept anywhere else. A VIP and a published port have a row for each family of addresses, with
backends of that family.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from skerry.model.defaults import HOLD_TIMEOUT, SECOND
from skerry.model.family import FOUR, Family, family_of


class Block(Struct, frozen=True):
    """A network's addresses of one family: its subnet, and the gateway's and the leg's there."""

    subnet: str
    gateway: str
    leg: str


class Segment(Struct, frozen=True):
    """One overlay network: a bridge on this machine, with the gate's leg on it. `subnet`, `gateway` and `leg`
    are its IPv4 ones, `six` those of IPv6, where it has any."""

    network_id: str
    bridge: str
    subnet: str
    gateway: str
    leg: str
    internal: bool = False
    mtu: int = 0
    """Of its links; 0: as they are made."""
    names: tuple[str, ...] = ()
    """What stands for it in `X.NETWORK`: its name, and what its stack calls it."""
    six: Block | None = None

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Its addresses, IPv4 first."""
        four = Block(self.subnet, self.gateway, self.leg)
        return (four,) if self.six is None else (four, self.six)


class Backend(Struct, frozen=True):
    """A ready task on one network."""

    task_id: str
    address: str
    masked: bool = False
    """Whether it sees clients from outside with the gateway's address: its own way out is another network."""
    unheard: bool = False
    """Whether nothing of it listens for TCP yet: such connections go to others, or wait at the gate."""


class Former(Struct, frozen=True):
    """An address at which a task of a service served: new connections to it go where those to the VIP go."""

    address: str
    gone: bool = True
    """Whether nobody answers there any more; else its task still runs, and has what is established."""


class VirtualService(Struct, frozen=True):
    """A VIP and who answers behind it. No backends: new TCP connections are held by the gate."""

    service_id: str
    network_id: str
    vip: str
    backends: tuple[Backend, ...] = ()
    hold_s: float = HOLD_TIMEOUT / SECOND
    former: tuple[Former, ...] = ()

    @property
    def hearing(self) -> tuple[Backend, ...]:
        """Those that take TCP connections."""
        return tuple(backend for backend in self.backends if not backend.unheard)


class PublishedPort(Struct, frozen=True):
    """A port of this machine, served by a service's ready tasks.

    `vip` is where its connections are held while there are none. The gate reserves the port by a
    listening socket as long as it stands here.
    """

    protocol: str
    port: int
    target: int
    service_id: str
    vip: str
    backends: tuple[Backend, ...] = ()
    hold_s: float = HOLD_TIMEOUT / SECOND

    @property
    def key(self) -> str:
        """`tcp/80`: how nodes name it in `reserved`."""
        return f"{self.protocol}/{self.port}"

    @property
    def family(self) -> Family:
        """Which family it is served over by the kernel."""
        return family_of(self.vip or next((backend.address for backend in self.backends), ""))


class Name(Struct, frozen=True):
    """A DNS name on one network, of any case, with the addresses to answer (a VIP, or tasks).

    Several rows may bear one name on one network: those of the lowest `rank` count, and all their addresses.
    The first row of rank 1 that has an address alone is that address's own name, for reverse questions.
    """

    network_id: str
    name: str
    addresses: tuple[str, ...]
    rank: int = 0
    """0: services, their aliases, and `tasks.` of both; 1: tasks and containers; 2: hostnames, short IDs."""
    stack: str = ""
    """The stack that the service or the container belongs to."""
    ready: bool = True
    """Whether somebody serves at these addresses now."""


class Client(Struct, frozen=True):
    """A container that may ask: the networks whose names it sees, and its own upstream servers if any.

    `network_ids` stand in the order in which a name is looked for, `addresses` are its own on these,
    but for the last ones, on which it has no name.
    """

    address: str
    network_ids: tuple[str, ...]
    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    task_id: str = ""
    stack: str = ""
    hostname: str = ""
    """Lower case: asked by itself, it means its own address."""
    addresses: tuple[str, ...] = ()
    sixes: tuple[str, ...] = ()
    """Those of IPv6, in the same way; "" on a network where it has none."""
    links: tuple[tuple[str, str], ...] = ()
    """Names that it alone has for others: (the alias, whom it means)."""


class Traffic(Struct, frozen=True):
    """Everything that the kernel and the gate have to know."""

    segments: tuple[Segment, ...] = ()
    services: tuple[VirtualService, ...] = ()
    ports: tuple[PublishedPort, ...] = ()
    names: tuple[Name, ...] = ()
    clients: tuple[Client, ...] = ()
    deploying: tuple[tuple[str, float], ...] = ()
    """(network ID, epoch seconds): until then, an unknown name asked on that network is waited for, up to
    3 s each, since a stack deploy under way may still create its service."""

    def within(self, family: Family) -> Traffic:
        """What there is of it over one family: the networks that have such addresses, VIPs and ports."""
        segments = self.segments
        if family is not FOUR:
            segments = tuple(
                replace(
                    segment,
                    subnet=segment.six.subnet,
                    gateway=segment.six.gateway,
                    leg=segment.six.leg,
                    six=None,
                )
                for segment in segments
                if segment.six is not None
            )
        return Traffic(
            segments,
            tuple(service for service in self.services if family_of(service.vip) is family),
            tuple(port for port in self.ports if port.family is family),
        )


class PortReservations(Struct, frozen=True):
    """Which published ports the gate holds, by their keys (`tcp/80`), and why it does not hold the others."""

    reserved: frozenset[str] = frozenset()
    refused: dict[str, str] = {}
