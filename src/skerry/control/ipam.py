"""The IPAM part of a network's create call: what it asks for, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from skerry.core import allocate
from skerry.core.addresses import Subnet, lay_out
from skerry.core.view import View
from skerry.model.errors import InvalidParameter, RpcError, SkerryError
from skerry.model.family import FAMILIES, FOUR, SIX, Family, family_of
from skerry.model.objects import AddressPlan, Raw


def check(ipam: Raw, strict: bool = False, *, six: bool = False) -> None:
    """Raise what Docker says of an IPAM configuration, or what the engine's bridge can't do. `six`: the
    network is to have IPv6.

    `strict` engines, the newer ones, look at all of it themselves; older ones leave most to the swarm.
    """
    configs = ipam.get("Config") or []
    for config in configs if not strict else ():
        _check_subnet(config)
    if strict and (faults := [fault for config in configs for fault in _faults(config)]):
        raise InvalidParameter("\n".join(["invalid network config:", *faults]))
    if ipam.get("Driver", "default") not in ("", "default"):
        raise RpcError("InvalidArgument", f"error during lookup of plugin {ipam['Driver']}")
    for config in configs:
        _check_as_swarm(config)
        _check_use(config)
    for family in FAMILIES:
        subnets = [config["Subnet"] for config in configs if family_of(config["Subnet"]) is family]
        if family is SIX and subnets and not six:
            raise InvalidParameter(
                f"the subnet {subnets[0]} is one of IPv6, and the network is to have none: add --ipv6, or "
                "leave that subnet out"
            )
        if len(subnets) > 1:
            raise InvalidParameter(
                f"several IPv{family.version} subnets in one network ({', '.join(subnets)}) are not "
                "supported: the bridge of a single machine has one; ask for one subnet with a shorter prefix"
            )


def _block(text: str) -> Subnet:
    """An address block, whatever of it is a host's. Raises ValueError."""
    if "/" not in text:
        raise ValueError(text)
    return ip_network(text, strict=False)


def _check_subnet(config: Raw) -> None:
    text = config.get("Subnet", "")
    try:
        _block(text)
    except ValueError as error:
        raise SkerryError(f"Invalid subnet {text} : invalid CIDR address: {text}") from error


def _check_as_swarm(config: Raw) -> None:
    """What a swarm says of ranges and gateways."""
    text, subnet = config["Subnet"], _block(config["Subnet"])
    for word, value in (("range", config.get("IPRange")), ("gateway", config.get("Gateway"))):
        if not value:
            continue
        try:
            address = ip_address(value.partition("/")[0] if word == "range" and _block(value) else value)
        except ValueError as error:
            raise RpcError("InvalidArgument", f"ipam configuration: invalid {word} {value}") from error
        if address not in subnet:
            raise RpcError(
                "InvalidArgument", f"ipam configuration: subnet {text} does not contain {word} {value}"
            )


def _faults(config: Raw) -> Iterator[str]:
    """What newer engines find in one configuration, in their order."""
    text = config.get("Subnet", "")
    try:
        subnet = _block(text)
    except ValueError:
        yield f"invalid subnet {text}: invalid CIDR block notation"
        return
    if text != str(subnet):
        yield f"invalid subnet {text}: it should be {subnet}"
    if config.get("IPRange"):
        yield from _range_faults(subnet, config["IPRange"])
    if config.get("Gateway"):
        yield from _address_faults(subnet, f"gateway {config['Gateway']}", config["Gateway"])
    for name, address in _auxiliary(config):
        yield from _address_faults(subnet, f"auxiliary address {name}", address)


def _range_faults(subnet: Subnet, text: str) -> Iterator[str]:
    """What newer engines find in an `ip-range`, in their order; where it is of another family, only that."""
    try:
        block = _block(text)
    except ValueError:
        yield f"invalid ip-range {text}: invalid CIDR block notation"
        return
    if block.version != subnet.version:
        yield f"invalid ip-range {text}: parent subnet is an IPv{subnet.version} block"
        return
    if block.prefixlen < subnet.prefixlen:
        yield f"invalid ip-range {text}: CIDR block is bigger than its parent subnet {subnet}"
    if text != str(block):
        yield f"invalid ip-range {text}: it should be {block}"
    if not block.overlaps(subnet):
        yield f"invalid ip-range {text}: parent subnet {subnet} doesn't contain ip-range"


def _address_faults(subnet: Subnet, what: str, text: str) -> Iterator[str]:
    try:
        address = ip_address(text)
    except ValueError:
        yield f"invalid {what}: invalid address"
        return
    if address.version != subnet.version:
        yield f"invalid {what}: parent subnet is an IPv{subnet.version} block"
    elif address not in subnet:
        yield f"invalid {what}: parent subnet {subnet} doesn't contain this address"


def _check_use(config: Raw) -> None:
    """What a swarm would take, and then never make a network of, or have no use for."""
    subnet = _block(config["Subnet"])
    if subnet.is_multicast or subnet.is_loopback:
        raise InvalidParameter(f"invalid subnet {subnet}: no host can have a loopback or multicast address")
    if subnet.version == SIX.version and subnet.is_link_local:
        raise InvalidParameter(f"invalid subnet {subnet}: link-local addresses are each link's own")
    exact = {**config, "Subnet": str(subnet)}
    if config.get("IPRange"):
        exact["IPRange"] = str(_block(config["IPRange"]))
    for fault in _faults(exact):
        raise InvalidParameter(fault)
    places = [("gateway", config["Gateway"])] if config.get("Gateway") else []
    places += [(f"auxiliary address {name}", text) for name, text in _auxiliary(config)]
    holders: dict[object, str] = {subnet.network_address: "network's own address"}
    if subnet.version == FOUR.version:
        holders[subnet.broadcast_address] = "broadcast address"
    for what, text in places:
        address = ip_address(text)
        if address in holders:
            raise InvalidParameter(f"invalid {what}: {text} is the {holders[address]}")
        holders[address] = what


def _auxiliary(config: Raw) -> Iterator[tuple[str, str]]:
    yield from sorted((config.get("AuxiliaryAddresses") or {}).items())


def plan(
    view: View,
    ipam: Raw,
    taken: tuple[str, ...],
    network_address: bool = False,
    family: Family = FOUR,
) -> AddressPlan:
    """The addresses of a new network of one family: as a checked configuration asks for them, else of a free
    subnet.

    `taken` are subnets (CIDR) that this machine reaches otherwise; `network_address`: see `lay_out`. Raises
    Exhausted, InvalidParameter.
    """
    request = _requested(ipam, family)
    if request.subnet and (other := allocate.overlap(view, request.subnet, taken)):
        raise RpcError(
            "InvalidArgument", f"ipam configuration: subnet {request.subnet} overlaps with {other}"
        )
    free = allocate.free_subnet if family is FOUR else allocate.free_subnet_six
    subnet = request.subnet or free(view, taken)
    gateway, leg = lay_out(
        subnet,
        request.gateway,
        request.ip_range,
        request.auxiliary.values(),
        network_address=network_address,
    )
    return AddressPlan(subnet, request.ip_range, gateway, request.auxiliary, leg)


def _requested(ipam: Raw, family: Family) -> AddressPlan:
    """The subnet of a family that the user gives."""
    for config in ipam.get("Config", []):
        subnet = ip_network(config["Subnet"], strict=False)
        if subnet.version == family.version:
            block, gateway = config.get("IPRange"), config.get("Gateway")
            return AddressPlan(
                str(subnet),
                str(ip_network(block, strict=False)) if block else "",
                str(ip_address(gateway)) if gateway else "",
                {name: str(ip_address(text)) for name, text in _auxiliary(config)},
            )
    return AddressPlan()
