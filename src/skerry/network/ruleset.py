"""The kernel table as text: pure functions from a `Traffic` to a script for `nft -f -`.

Each script is one transaction. The main table is replaced whole; flows that conntrack knows keep their
translation, since only a flow's first packet asks a nat chain. The flows table is made once: it notes who
spoke last on each connection, and has the set by which a drain keeps new requests away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network
from itertools import chain

from skerry.gate.message import HOLD_PORT
from skerry.model.traffic import Backend, PublishedPort, Segment, Traffic, VirtualService

ASKED_MARK = 0x0100_0000
"""The bit of a flow's conntrack mark that says: the client spoke last."""

TASKS = "sk-*"
"""Every bridge of ours, of every instance in this namespace."""


def vip_half(subnet: str) -> str:
    """The upper half of a network's subnet, from which VIPs and the gate's leg come."""
    return str(list(IPv4Network(subnet).subnets(1))[1])


def render(traffic: Traffic, table: str = "skerry") -> str:
    """The whole main table. VIPs without backends have no entry: their packets reach the gate's leg."""
    family = f"ip {table}"
    known = {segment.network_id: segment for segment in traffic.segments}
    services = [item for item in traffic.services if item.network_id in known and item.backends]
    ports = [port for port in traffic.ports if port.backends or (port.protocol == "tcp" and port.vip)]
    lines = [f"add table {family}", f"delete table {family}", f"add table {family}"]
    lines += _sets(family, traffic)
    lines += _maps(family)
    lines += _base_chains(family, traffic.segments)
    for service in services:
        lines += _service(family, service, known[service.network_id].bridge)
    for port in ports:
        lines += _port(family, port)
    return "\n".join(lines) + "\n"


def render_flows(table: str = "skerry") -> str:
    """The flows table: `asked` bits by PSH segments in either direction, and the set `quiet`.

    A segment with PSH to a connection in `quiet` (peer, its port, task, its port) is dropped before it
    counts as asked, so what a task never saw does not look like a request in flight. An entry ends by itself
    after some seconds, so that a skerryd that was killed while it drained leaves no connection deaf.

    A task's first refusal of a translated connection is dropped (`refused`: client, its port): it may have
    died a moment ago. The client's TCP knocks again after a second, and conntrack, which saw the refusal,
    translates anew: to a task that lives, or to the hold. A second refusal is the answer.
    """
    family = f"ip {table}-flows"
    talk = "tcp flags & psh == psh ct direction"
    quiet = "type ipv4_addr . inet_service . ipv4_addr . inet_service; timeout 3s; counter;"
    refusal = "tcp flags & (syn | ack | rst) == (ack | rst) tcp sequence 0 ct status dnat ct direction reply"
    four = "ip saddr . tcp sport . ip daddr . tcp dport"
    return "\n".join(
        [
            f"add table {family}",
            f"delete table {family}",
            f"add table {family}",
            f"add set {family} quiet {{ {quiet} }}",
            f"add set {family} refused {{ type ipv4_addr . inet_service; size 65535; flags dynamic,timeout; "
            "timeout 5s; }",
            f"add chain {family} to_task {{ type filter hook postrouting priority 200; policy accept; }}",
            f'add rule {family} to_task tcp flags & psh == psh oifname "{TASKS}" {four} @quiet drop',
            f'add rule {family} to_task oifname "{TASKS}" {talk} original '
            f"ct mark set ct mark or {ASKED_MARK:#x}",
            f"add chain {family} from_task {{ type filter hook prerouting priority -140; policy accept; }}",
            f'add rule {family} from_task {refusal} iifname "{TASKS}" '
            "ip daddr . tcp dport != @refused add @refused { ip daddr . tcp dport } drop",
            f'add rule {family} from_task iifname "{TASKS}" {talk} reply '
            f"ct mark set ct mark and {ASKED_MARK ^ 0xFFFFFFFF:#x}",
            "",
        ]
    )


def render_gate() -> str:
    """The table inside the gate's namespace: a leg takes only what is its own; TCP for VIPs is held.

    Its sets start empty; `leg_elements` fills them.
    """
    family = "ip gate"
    return "\n".join(
        [
            f"add table {family}",
            f"add set {family} legs {{ type ifname . ipv4_addr; }}",
            f"add set {family} vips {{ type ifname . ipv4_addr; flags interval; }}",
            f"add chain {family} own {{ type filter hook prerouting priority raw; policy drop; }}",
            f"add chain {family} hold {{ type nat hook prerouting priority dstnat; policy accept; }}",
            f"flush chain {family} own",
            f"flush chain {family} hold",
            f'add rule {family} own iifname "lo" accept',
            f"add rule {family} own iifname . ip daddr @legs accept",
            # silence rather than "port unreachable": a client of a service that is not ready asks again
            f"add rule {family} own meta l4proto udp iifname . ip daddr @vips drop",
            f"add rule {family} own iifname . ip daddr @vips accept",
            f"add rule {family} hold iifname . ip daddr @legs accept",
            f"add rule {family} hold meta l4proto tcp redirect to :{HOLD_PORT}",
            "",
        ]
    )


def leg_elements(segment: Segment, verb: str = "add") -> str:
    """Add a leg to the gate's table, or delete it; adding it again changes nothing."""
    half = vip_half(segment.subnet)
    return (
        f'{verb} element ip gate legs {{ "{segment.bridge}" . {segment.leg} }}\n'
        f'{verb} element ip gate vips {{ "{segment.bridge}" . {half} }}\n'
    )


def _sets(family: str, traffic: Traffic) -> Iterator[str]:
    bridges = [f'"{segment.bridge}"' for segment in traffic.segments]
    yield f"add set {family} bridges {{ type ifname; }}"
    yield f"add set {family} within {{ type ifname . ifname; }}"
    yield f"add set {family} held {{ type ifname . ipv4_addr; flags interval; }}"
    yield f"add set {family} hairpins {{ type ipv4_addr . ipv4_addr; }}"
    yield from _elements(family, "bridges", bridges)
    yield from _elements(family, "within", (f"{bridge} . {bridge}" for bridge in bridges))
    yield from _elements(
        family, "held", (f'"{item.bridge}" . {vip_half(item.subnet)}' for item in traffic.segments)
    )
    yield from _elements(family, "hairpins", (f"{one} . {other}" for one, other in hairpins(traffic)))


def hairpins(traffic: Traffic) -> list[tuple[str, str]]:
    """Pairs (source, destination) of addresses of one task: its calls of its own VIP or published port."""
    addresses: dict[str, set[str]] = {}
    served = [service.backends for service in traffic.services] + [port.backends for port in traffic.ports]
    for backend in chain.from_iterable(served):
        addresses.setdefault(backend.task_id, set()).add(backend.address)
    return sorted({(one, other) for group in addresses.values() for one in group for other in group})


def _maps(family: str) -> list[str]:
    return [
        f"add map {family} vips {{ type ifname . ipv4_addr : verdict; }}",
        f"add map {family} local_vips {{ type ipv4_addr : verdict; }}",
        f"add map {family} ports {{ type inet_proto . inet_service : verdict; }}",
    ]


def _base_chains(family: str, segments: Iterable[Segment]) -> Iterator[str]:
    published = "fib daddr type local meta l4proto . th dport vmap @ports"
    yield f"add chain {family} raw {{ type filter hook prerouting priority raw; policy accept; }}"
    # what every packet is asked comes first where it costs least: two compares before a look into a set
    yield f"add rule {family} raw ip daddr 127.0.0.0/8 iifname @bridges drop"
    yield f"add rule {family} raw ip saddr 127.0.0.0/8 iifname @bridges drop"
    yield f"add chain {family} prerouting {{ type nat hook prerouting priority dstnat - 10; policy accept; }}"
    yield f"add rule {family} prerouting iifname . ip daddr vmap @vips"
    yield f"add rule {family} prerouting {published}"
    yield f"add chain {family} output {{ type nat hook output priority -110; policy accept; }}"
    yield f"add rule {family} output ip daddr vmap @local_vips"
    yield f"add rule {family} output {published}"
    yield f"add chain {family} forward {{ type filter hook forward priority filter - 10; policy accept; }}"
    yield f"add rule {family} forward oifname != @bridges accept"
    yield f"add rule {family} forward iifname . oifname @within accept"
    yield f"add rule {family} forward ct state established,related accept"
    yield f"add rule {family} forward ct status dnat accept"
    yield f"add rule {family} forward drop"
    yield f"add chain {family} postrouting {{ type nat hook postrouting priority srcnat - 10; }}"
    yield f"add rule {family} postrouting oifname @bridges ip saddr 127.0.0.0/8 masquerade"
    yield f"add rule {family} postrouting ip saddr . ip daddr @hairpins masquerade"
    yield f"add rule {family} postrouting oifname . ip daddr @held ct status dnat masquerade"
    for segment in segments:
        if segment.internal:  # its containers have no way back to another network
            yield (
                f'add rule {family} postrouting oifname "{segment.bridge}" '
                f"ip saddr != {segment.subnet} ct status dnat masquerade"
            )


def _service(family: str, service: VirtualService, bridge: str) -> Iterator[str]:
    name = f"vip-{service.vip}"
    yield f"add chain {family} {name}"
    yield f"add rule {family} {name} {_dnat(service.backends)}"
    yield f'add element {family} vips {{ "{bridge}" . {service.vip} : goto {name} }}'
    yield f"add element {family} local_vips {{ {service.vip} : goto {name} }}"


def _port(family: str, port: PublishedPort) -> Iterator[str]:
    name = f"port-{port.protocol}-{port.port}"
    backends = port.backends or (Backend("", port.vip),)
    yield f"add chain {family} {name}"
    yield f"add rule {family} {name} meta l4proto {port.protocol} {_dnat(backends)}:{port.target}"
    yield f"add element {family} ports {{ {port.protocol} . {port.port} : goto {name} }}"


def _dnat(backends: tuple[Backend, ...]) -> str:
    if len(backends) == 1:
        return f"dnat to {backends[0].address}"
    entries = ", ".join(f"{index} : {backend.address}" for index, backend in enumerate(backends))
    return f"dnat to numgen inc mod {len(backends)} map {{ {entries} }}"


def _elements(family: str, name: str, elements: Iterable[str]) -> Iterator[str]:
    text = ", ".join(elements)
    if text:
        yield f"add element {family} {name} {{ {text} }}"
