"""The kernel table as text: pure functions from a `Traffic` to a script for `nft -f -`.

Each script is one transaction. Every table is there once for each family, by the same rules: what differs is
in `model.family`. The main table is written whole, and from then on changed where something has
changed; flows that conntrack knows keep their translation, since only a flow's first packet asks a nat
chain. The flows table is made once: it notes who spoke last on each connection, and how its sides talk
(`network.talk`), and has the set by which a drain keeps new requests away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from skerry.gate.message import HOLD_PORT
from skerry.model.family import FAMILIES, FOUR, Family, family_of
from skerry.model.traffic import Backend, Block, Segment, Traffic, VirtualService
from skerry.network import talk
from skerry.network.difference import differing
from skerry.network.talk import CLIENT_LAST_MARK

TASKS = "sk-*"
"""Every bridge of ours, of every instance in this namespace."""


class Table(NamedTuple):
    """A table as nft's scripts call it."""

    family: Family
    name: str

    def __str__(self) -> str:
        return f"{self.family.word} {self.name}"


def render(traffic: Traffic, name: str = "skerry", families: Iterable[Family] = FAMILIES) -> str:
    """The whole main table. VIPs without backends have no entry: their packets reach the gate's leg.

    Over IPv6 there is none where no network has such addresses.
    """
    lines: list[str] = []
    for family in families:
        table, part = Table(family, name), traffic.within(family)
        lines += [f"add table {table}", f"delete table {table}"]
        if part.segments or family is FOUR:
            lines += _whole(table, part)
    return "\n".join(lines) + "\n"


def _whole(table: Table, traffic: Traffic) -> Iterator[str]:
    yield f"add table {table}"
    yield from _sets(table, traffic)
    yield from _maps(table)
    yield from _base_chains(table, traffic.segments)
    for name, service_chain in service_chains(traffic).items():
        yield from _chain(table, name, service_chain)


def render_change(
    before: Traffic, after: Traffic, name: str = "skerry", families: Iterable[Family] = FAMILIES
) -> str:
    """What makes the table of `before` that of `after`: the chains of one service where one has changed.

    Empty where nothing has. It is the whole table where other networks are there.
    """
    if before.segments != after.segments:
        return render(after, name, families)
    before, after = differing(before, after)
    lines: list[str] = []
    for family in families:
        lines += _changes(Table(family, name), before.within(family), after.within(family))
    return "".join(f"{line}\n" for line in lines)


def _changes(table: Table, before: Traffic, after: Traffic) -> Iterator[str]:
    """The same for one family."""
    old, new = service_chains(before), service_chains(after)
    own, owned = set(hairpins(before)), set(hairpins(after))
    held, holding = set(held_vips(before)), set(held_vips(after))
    veiled, unveiled = masked(after), masked(before)
    yield from _elements(table, "hairpins", _pairs(own - owned), "delete")
    yield from _elements(table, "held", _pairs(_quoted(held - holding)), "delete")
    yield from _elements(table, "held", _pairs(_quoted(holding - held)))
    yield from _elements(table, "masked", sorted(unveiled - veiled), "delete")
    for name, service_chain in old.items():
        if name not in new:
            yield from _without_chain(table, name, service_chain)
    changed = [name for name in new if name in old and new[name] != old[name]]
    for name in changed:  # first what goes: an address may lead to another service from now on
        yield from _without_elements(table, name, old[name], new[name])
    for name in changed:
        yield from _changed_chain(table, name, old[name], new[name])
    for name, service_chain in new.items():
        if name not in old:
            yield from _chain(table, name, service_chain)
    yield from _elements(table, "hairpins", _pairs(owned - own))
    yield from _elements(table, "masked", sorted(veiled - unveiled))


def render_flows(name: str = "skerry", families: Iterable[Family] = FAMILIES) -> str:
    """The flows table: `asked` bits by PSH segments in either direction, and the set `quiet`.

    A segment with PSH to a connection in `quiet` (peer, its port, task, its port) is dropped before it
    counts as asked, so what a task never saw does not look like a request in flight. The set counts only
    while `draining` has its one element, which ends by itself: a skerryd that was killed while it drained
    leaves no connection deaf for longer than that.

    A task's first refusal of a connection is dropped (`refused`: client, its port), be it to a VIP or to its
    own address: it may have died a moment ago. The client's TCP knocks again after a second, and conntrack,
    which saw the refusal, translates anew: to a task that lives, or to the hold. A second refusal is the
    answer.
    """
    return "".join(f"{line}\n" for family in families for line in _flows(Table(family, f"{name}-flows")))


def _flows(table: Table) -> Iterator[str]:
    """The same for one family. The order counts: what is dropped must not count as asked, and the kind of
    talk is told by who spoke last before."""
    ip, address = table.family.word, table.family.nft_type
    spoke = "tcp flags & psh == psh ct direction"
    quiet = f"type {address} . inet_service . {address} . inet_service; timeout 3s; counter;"
    refusal = "tcp flags & (syn | ack | rst) == (ack | rst) tcp sequence 0 ct direction reply"
    four = f"{ip} saddr . tcp sport . {ip} daddr . tcp dport"
    yield f"add table {table}"
    yield f"delete table {table}"
    yield f"add table {table}"
    yield f"add set {table} quiet {{ {quiet} }}"
    yield f"add set {table} draining {{ type inet_proto; timeout 1s; }}"
    yield (
        f"add set {table} refused {{ type {address} . inet_service; size 65535; flags dynamic,timeout; "
        "timeout 5s; }"
    )
    yield from talk.chains(str(table))
    yield f"add chain {table} to_task {{ type filter hook postrouting priority 200; policy accept; }}"
    yield (
        f'add rule {table} to_task tcp flags & psh == psh oifname "{TASKS}" '
        f"meta l4proto @draining {four} @quiet drop"
    )
    yield from talk.heard(str(table), TASKS)
    yield (
        f'add rule {table} to_task oifname "{TASKS}" {spoke} original '
        f"ct mark set ct mark or {CLIENT_LAST_MARK:#x}"
    )
    yield f"add chain {table} from_task {{ type filter hook prerouting priority -140; policy accept; }}"
    yield (
        f'add rule {table} from_task {refusal} iifname "{TASKS}" '
        f"{ip} daddr . tcp dport != @refused add @refused {{ {ip} daddr . tcp dport }} drop"
    )
    yield from talk.said(str(table), TASKS)
    yield (
        f'add rule {table} from_task iifname "{TASKS}" {spoke} reply '
        f"ct mark set ct mark and {CLIENT_LAST_MARK ^ 0xFFFFFFFF:#x}"
    )


def render_gate(families: Iterable[Family] = FAMILIES) -> str:
    """The table inside the gate's namespace: a leg takes only what is its own, and what is for a VIP (or the
    like) of its network, which is local there; TCP for that is held.

    Its sets start empty; `leg_elements` fills them.
    """
    return "".join(f"{line}\n" for family in families for line in _gate(Table(family, "gate")))


def _gate(table: Table) -> Iterator[str]:
    """The table within the gate's namespace, for one family: names are answered at the legs alone, and TCP to
    what has no backend is led to where it is held."""
    ip, address = table.family.word, table.family.nft_type
    yield f"add table {table}"
    yield f"add set {table} legs {{ type ifname . {address}; }}"
    yield f"add set {table} home {{ type ifname . {address}; flags interval; }}"
    yield f"add chain {table} own {{ type filter hook prerouting priority raw; policy drop; }}"
    yield f"add chain {table} hold {{ type nat hook prerouting priority dstnat; policy accept; }}"
    yield f"flush chain {table} own"
    yield f"flush chain {table} hold"
    yield f'add rule {table} own iifname "lo" accept'
    if table.family.neighbourly:
        yield f"add rule {table} own {table.family.neighbourly} accept"
    yield f"add rule {table} own iifname . {ip} daddr @legs accept"
    # silence rather than "port unreachable": a client of a service that is not ready asks again
    yield f"add rule {table} own meta l4proto udp iifname . {ip} daddr @home drop"
    yield f"add rule {table} own iifname . {ip} daddr @home fib daddr type local accept"
    yield f"add rule {table} hold iifname . {ip} daddr @legs accept"
    yield f"add rule {table} hold meta l4proto tcp redirect to :{HOLD_PORT}"


def leg_elements(segment: Segment, verb: str = "add") -> str:
    """Add a leg to the gate's table, or delete it; adding it again changes nothing."""
    return "".join(_leg_elements(segment.bridge, block, verb) for block in segment.blocks)


def _leg_elements(bridge: str, block: Block, verb: str) -> str:
    table = Table(family_of(block.leg), "gate")
    return (
        f'{verb} element {table} legs {{ "{bridge}" . {block.leg} }}\n'
        f'{verb} element {table} home {{ "{bridge}" . {block.subnet} }}\n'
    )


def _sets(table: Table, traffic: Traffic) -> Iterator[str]:
    """The sets that the base chains look into, with all their elements."""
    bridges, address = [f'"{segment.bridge}"' for segment in traffic.segments], table.family.nft_type
    yield f"add set {table} bridges {{ type ifname; }}"
    yield f"add set {table} within {{ type ifname . ifname; }}"
    yield f"add set {table} held {{ type ifname . {address}; }}"
    yield f"add set {table} hairpins {{ type {address} . {address}; }}"
    yield f"add set {table} masked {{ type {address}; }}"
    yield f"add set {table} home {{ type ifname . {address}; flags interval; }}"
    yield from _elements(table, "bridges", bridges)
    yield from _elements(table, "within", (f"{bridge} . {bridge}" for bridge in bridges))
    yield from _elements(table, "held", _pairs(_quoted(held_vips(traffic))))
    yield from _elements(table, "home", (f'"{item.bridge}" . {item.subnet}' for item in traffic.segments))
    yield from _elements(table, "hairpins", _pairs(hairpins(traffic)))
    yield from _elements(table, "masked", sorted(masked(traffic)))


def masked(traffic: Traffic) -> set[str]:
    """Addresses whose owners would answer clients from outside by another network."""
    return {backend.address for port in traffic.ports for backend in port.backends if backend.masked}


def held_vips(traffic: Traffic) -> frozenset[tuple[str, str]]:
    """The VIPs of all services, each with its network's bridge: the gate's where no rule leads on."""
    bridges = {segment.network_id: segment.bridge for segment in traffic.segments}
    return frozenset(
        (bridges[service.network_id], service.vip)
        for service in traffic.services
        if service.network_id in bridges
    )


def answered(traffic: Traffic) -> frozenset[tuple[str, str]]:
    """What the gate's namespace takes for its own: every VIP, and where tasks served that are gone. Each with
    the leg that has it, by its bridge; over IPv4 every leg answers for all of them ("")."""
    bridges = {segment.network_id: segment.bridge for segment in traffic.segments}
    return frozenset(
        ("" if family_of(address) is FOUR else bridges.get(service.network_id, ""), address)
        for service in traffic.services
        for address in (service.vip, *(former.address for former in service.former if former.gone))
    )


def hairpins(traffic: Traffic) -> list[tuple[str, str]]:
    """Pairs (source, destination) of addresses of one task: its calls of its own VIP or published port."""
    addresses: dict[str, set[str]] = {}
    served = [service.backends for service in traffic.services] + [port.backends for port in traffic.ports]
    for backend in chain.from_iterable(served):
        addresses.setdefault(backend.task_id, set()).add(backend.address)
    return sorted(
        {(source, destination) for group in addresses.values() for source in group for destination in group}
    )


def _quoted(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return ((f'"{name}"', address) for name, address in pairs)


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{first} . {second}" for first, second in sorted(pairs)]


def _maps(table: Table) -> list[str]:
    return [
        f"add map {table} vips {{ type ifname . {table.family.nft_type} : verdict; }}",
        f"add map {table} local_vips {{ type {table.family.nft_type} : verdict; }}",
        f"add map {table} ports {{ type inet_proto . inet_service : verdict; }}",
    ]


def _fence(table: Table, internal: list[Segment]) -> Iterator[str]:
    """What begins on an internal network stays there: it reaches nothing of the machine and nothing beyond.

    Asked before a destination is translated. Answers go out, to whoever may come in.
    """
    if not internal:
        return
    ip, bridges = table.family.word, ", ".join(f'"{segment.bridge}"' for segment in internal)
    yield f"add chain {table} fence {{ type filter hook prerouting priority mangle; policy accept; }}"
    yield f"add rule {table} fence iifname != {{ {bridges} }} accept"
    yield f"add rule {table} fence ct direction reply accept"
    if table.family.neighbourly:
        yield f"add rule {table} fence {table.family.neighbourly} accept"
    for segment in internal:
        within = f'iifname "{segment.bridge}" {ip} daddr {segment.subnet} {ip} daddr != {segment.gateway}'
        yield f"add rule {table} fence {within} accept"
    yield f"add rule {table} fence drop"


def _base_chains(table: Table, segments: tuple[Segment, ...]) -> Iterator[str]:
    """What every packet passes: what must not come in (raw, fence), translation to a service's chain
    (prerouting, output), isolation of the bridges (forward), and masquerading (postrouting)."""
    ip, loopback = table.family.word, table.family.loopback
    published = f"{table.family.routable} fib daddr type local meta l4proto . th dport vmap @ports".lstrip()
    yield f"add chain {table} raw {{ type filter hook prerouting priority raw; policy accept; }}"
    # what every packet is asked comes first where it costs least: two compares before a look into a set
    yield f"add rule {table} raw {ip} daddr {loopback} iifname @bridges drop"
    yield f"add rule {table} raw {ip} saddr {loopback} iifname @bridges drop"
    yield from _fence(table, [segment for segment in segments if segment.internal])
    yield f"add chain {table} prerouting {{ type nat hook prerouting priority dstnat - 10; policy accept; }}"
    yield f"add rule {table} prerouting iifname . {ip} daddr vmap @vips"
    yield f"add rule {table} prerouting {published}"
    yield f"add chain {table} output {{ type nat hook output priority -110; policy accept; }}"
    yield f"add rule {table} output {ip} daddr vmap @local_vips"
    yield f"add rule {table} output {published}"
    yield f"add chain {table} forward {{ type filter hook forward priority filter - 10; policy accept; }}"
    yield f"add rule {table} forward oifname != @bridges accept"
    yield f"add rule {table} forward iifname . oifname @within accept"
    yield f"add rule {table} forward ct state established,related accept"
    yield f"add rule {table} forward ct status dnat accept"
    yield f"add rule {table} forward drop"
    # where a bridge has just gone, or nobody has a task's address, the client asks again and finds another
    yield f"add chain {table} unreachable {{ type filter hook output priority filter; policy accept; }}"
    for segment in segments:
        yield (
            f"add rule {table} unreachable {table.family.unreachable} "
            f"ct status dnat ct reply {ip} saddr {segment.subnet} drop"
        )
    yield f"add chain {table} postrouting {{ type nat hook postrouting priority srcnat - 10; }}"
    yield f"add rule {table} postrouting oifname @bridges {ip} saddr {loopback} masquerade"
    yield f"add rule {table} postrouting {ip} saddr . {ip} daddr @hairpins masquerade"
    yield f"add rule {table} postrouting oifname . {ip} daddr @held ct status dnat masquerade"
    masked_ways = f"{ip} daddr @masked ct status dnat oifname . {ip} saddr != @home"
    yield f"add rule {table} postrouting {masked_ways} masquerade"
    for segment in segments:
        if segment.internal:  # its containers have no way back to another network
            yield (
                f'add rule {table} postrouting oifname "{segment.bridge}" '
                f"{ip} saddr != {segment.subnet} ct status dnat masquerade"
            )


class ServiceChain(NamedTuple):
    """A chain with its rules, and the elements (map, key) that lead there."""

    rules: tuple[str, ...]
    elements: tuple[tuple[str, str], ...]


def service_chains(traffic: Traffic) -> dict[str, ServiceChain]:
    """By the chain's name: where each VIP and each published port leads."""
    bridges = {segment.network_id: segment.bridge for segment in traffic.segments}
    legs = {segment.network_id: segment.leg for segment in traffic.segments}
    chains: dict[str, ServiceChain] = {}
    for service in traffic.services:
        if service.network_id in bridges and service.backends:
            key = f'"{bridges[service.network_id]}" . {service.vip}'
            chains[f"vip-{_label(service.vip)}"] = ServiceChain(
                _vip_rules(service), (("vips", key), ("local_vips", service.vip))
            )
        if service.network_id in bridges and len(service.hearing) < len(service.backends):
            chains[f"unheard-{_label(service.vip)}"] = ServiceChain(
                (_unheard_rule(service, legs[service.network_id]),),
                tuple(_unheard_elements(service, bridges[service.network_id])),
            )
        if service.network_id in bridges and service.former:
            chains[f"former-{_label(service.vip)}"] = ServiceChain(
                _former_rules(service), tuple(_former_elements(service, bridges[service.network_id]))
            )
    for port in traffic.ports:
        if port.backends or port.vip:
            target = _dnat(port.backends or (Backend("", port.vip),), port.target)
            chains[f"port-{port.protocol}-{port.port}"] = ServiceChain(
                (f"meta l4proto {port.protocol} {target}",), (("ports", f"{port.protocol} . {port.port}"),)
            )
    return chains


def _chain(table: Table, name: str, to: ServiceChain) -> Iterator[str]:
    yield f"add chain {table} {name}"
    for rule in to.rules:
        yield f"add rule {table} {name} {rule}"
    for place, key in to.elements:
        yield f"add element {table} {place} {{ {key} : goto {name} }}"


def _without_chain(table: Table, name: str, to: ServiceChain) -> Iterator[str]:
    for place, key in to.elements:
        yield f"delete element {table} {place} {{ {key} : goto {name} }}"
    yield f"flush chain {table} {name}"
    yield f"delete chain {table} {name}"


def _without_elements(table: Table, name: str, old: ServiceChain, new: ServiceChain) -> Iterator[str]:
    for place, key in set(old.elements) - set(new.elements):
        yield f"delete element {table} {place} {{ {key} : goto {name} }}"


def _changed_chain(table: Table, name: str, old: ServiceChain, new: ServiceChain) -> Iterator[str]:
    if new.rules != old.rules:
        yield f"flush chain {table} {name}"
        for rule in new.rules:
            yield f"add rule {table} {name} {rule}"
    for place, key in set(new.elements) - set(old.elements):
        yield f"add element {table} {place} {{ {key} : goto {name} }}"


def _vip_rules(service: VirtualService) -> tuple[str, ...]:
    """Where a VIP leads. TCP for which nobody listens yet is not translated: it reaches the gate's leg."""
    hearing, everybody = service.hearing, _dnat(service.backends)
    if len(hearing) == len(service.backends):
        return (everybody,)
    others = f"meta l4proto != tcp {everybody}"
    return (f"meta l4proto tcp {_dnat(hearing)}", others) if hearing else (others,)


def _unheard_rule(service: VirtualService, leg: str) -> str:
    """Where TCP to the own addresses of tasks leads in which nothing listens yet: to others, or to where that
    to the VIP waits. Tasks of one service know each other by their addresses, and are not led astray; and the
    gate comes when somebody listens."""
    excepted = ", ".join([leg, *(backend.address for backend in service.backends)])
    to = _dnat(service.hearing or (Backend("", service.vip),))
    return f"{family_of(leg).word} saddr != {{ {excepted} }} meta l4proto tcp {to}"


def _unheard_elements(service: VirtualService, bridge: str) -> Iterator[tuple[str, str]]:
    for backend in service.backends:
        if backend.unheard:
            yield "vips", f'"{bridge}" . {backend.address}'
            yield "local_vips", backend.address


def _former_rules(service: VirtualService) -> tuple[str, ...]:
    """Where the addresses of former tasks lead. What nobody takes goes where that to the VIP does."""
    waiting = (Backend("", service.vip),)
    tcp, others = _dnat(service.hearing or waiting), _dnat(service.backends or waiting)
    return (tcp,) if tcp == others else (f"meta l4proto tcp {tcp}", f"meta l4proto != tcp {others}")


def _former_elements(service: VirtualService, bridge: str) -> Iterator[tuple[str, str]]:
    for former in service.former:
        yield "vips", f'"{bridge}" . {former.address}'
        yield "local_vips", former.address


def _dnat(backends: tuple[Backend, ...], port: int = 0) -> str:
    """To one after another, in turn; to a port of theirs where one is given."""
    at = f":{port}" if port else ""
    if len(backends) == 1:
        address = backends[0].address
        return f"dnat to [{address}]{at}" if at and ":" in address else f"dnat to {address}{at}"
    entries = ", ".join(f"{index} : {backend.address}" for index, backend in enumerate(backends))
    return f"dnat to numgen inc mod {len(backends)} map {{ {entries} }}{at}"


def _label(address: str) -> str:
    """An address as a part of a chain's name."""
    return address.replace(":", "-")


def _elements(table: Table, name: str, elements: Iterable[str], verb: str = "add") -> Iterator[str]:
    text = ", ".join(elements)
    if text:
        yield f"{verb} element {table} {name} {{ {text} }}"
