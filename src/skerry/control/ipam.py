"""The IPAM part of a network's create call: what it asks for, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network

from skerry.core import allocate
from skerry.core.addresses import lay_out
from skerry.core.view import View
from skerry.model.errors import InvalidParameter, RpcError
from skerry.model.objects import Raw

Subnet = IPv4Network | IPv6Network


class InvalidNetwork(InvalidParameter):
    """A mistake that older engines took for their own (500); `before` is what they said of it."""

    def __init__(self, message: str, before: str) -> None:
        super().__init__(message)
        self.before = before


@dataclass(frozen=True)
class AddressPlan:
    """The subnet of a network and who has which part of it; everything empty where nothing was asked for."""

    subnet: str = ""
    ip_range: str = ""
    gateway: str = ""
    auxiliary: dict[str, str] = field(default_factory=dict)
    leg: str = ""


def check(ipam: Raw) -> None:
    """Raise what Docker says of an IPAM configuration, or what the engine's bridge can't do."""
    if ipam.get("Driver", "default") not in ("", "default"):
        raise RpcError("InvalidArgument", f"error during lookup of plugin {ipam['Driver']}")
    for config in ipam.get("Config", []):
        _check_config(config)
    subnets = [text for config in ipam.get("Config", []) if ":" not in (text := config["Subnet"])]
    if len(subnets) > 1:
        raise InvalidParameter(
            f"several IPv4 subnets in one network ({', '.join(subnets)}) are not supported: the bridge of a "
            "single machine has one; ask for one subnet with a shorter prefix"
        )


def _check_config(config: Raw) -> None:
    text = config.get("Subnet", "")
    subnet = _subnet(text)
    for word, given in (("range", config.get("IPRange")), ("gateway", config.get("Gateway"))):
        if not given:
            continue
        try:
            address = given
            if word == "range":
                ip_network(given, strict=False)
                address, slash, _ = given.partition("/")
                if not slash:
                    raise ValueError(given)
            inside = ip_address(address) in subnet
        except ValueError as error:
            raise RpcError("InvalidArgument", f"ipam configuration: invalid {word} {given}") from error
        if not inside:
            raise RpcError(
                "InvalidArgument", f"ipam configuration: subnet {text} does not contain {word} {given}"
            )
    if subnet.version == 4:
        _check_places(subnet, config)


def _subnet(text: str) -> Subnet:
    try:
        if "/" not in text:
            raise ValueError(text)
        return ip_network(text, strict=False)
    except ValueError as error:
        raise InvalidNetwork(
            f"invalid network config:\ninvalid subnet {text}: invalid CIDR block notation",
            before=f"Invalid subnet {text} : invalid CIDR address: {text}",
        ) from error


def _check_places(subnet: IPv4Network, config: Raw) -> None:
    """What a swarm would take, and then have no use for, or never make a network of."""
    given = config.get("IPRange")
    if given and not IPv4Network(given, strict=False).subnet_of(subnet):
        raise InvalidParameter(
            f"invalid ip-range {given}: CIDR block is bigger than its parent subnet {subnet}"
        )
    places = [("gateway", "", config["Gateway"])] if config.get("Gateway") else []
    places += [("auxiliary address", f" ({name})", text) for name, text in _auxiliary(config)]
    taken: dict[IPv4Address, str] = {}
    for kind, name, text in places:
        address = _inside(subnet, f"invalid {kind} {text}{name}", text)
        if address in taken:
            raise InvalidParameter(f"invalid {kind} {text}{name}: it is the {taken[address]}, too")
        taken[address] = f"{kind}{name}"


def _inside(subnet: IPv4Network, complaint: str, text: str) -> IPv4Address:
    try:
        address = IPv4Address(text)
    except ValueError as error:
        raise InvalidParameter(f"{complaint}: invalid address") from error
    if address not in subnet:
        raise InvalidParameter(f"{complaint}: parent subnet {subnet} doesn't contain this address")
    if address in (subnet.network_address, subnet.broadcast_address):
        raise InvalidParameter(f"{complaint}: no host can have the first or last address of {subnet}")
    return address


def _auxiliary(config: Raw) -> Iterator[tuple[str, str]]:
    yield from sorted((config.get("AuxiliaryAddresses") or {}).items())


def plan(view: View, ipam: Raw, taken: tuple[str, ...]) -> AddressPlan:
    """The addresses of a new network: as a checked configuration asks for them, else of a free subnet.

    `taken` are subnets (CIDR) that this machine reaches otherwise. Raises Exhausted, InvalidParameter.
    """
    wanted = _wanted(ipam)
    if wanted.subnet and (other := allocate.overlap(view, wanted.subnet, taken)):
        raise RpcError("InvalidArgument", f"ipam configuration: subnet {wanted.subnet} overlaps with {other}")
    subnet = wanted.subnet or allocate.free_subnet(view, taken)
    gateway, leg = lay_out(subnet, wanted.gateway, wanted.ip_range, wanted.auxiliary.values())
    return AddressPlan(subnet, wanted.ip_range, gateway, wanted.auxiliary, leg)


def _wanted(ipam: Raw) -> AddressPlan:
    """The IPv4 subnet that the user gives."""
    for config in ipam.get("Config", []):
        subnet = ip_network(config["Subnet"], strict=False)
        if subnet.version == 4:
            given = config.get("IPRange")
            ip_range = str(ip_network(given, strict=False)) if given else ""
            return AddressPlan(str(subnet), ip_range, config.get("Gateway") or "", dict(_auxiliary(config)))
    return AddressPlan()
