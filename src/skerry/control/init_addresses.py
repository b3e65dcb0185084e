"""The addresses and pools of `swarm init`, checked as Docker checks them."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Network, NetmaskValueError, ip_address

from skerry.model import defaults
from skerry.model.errors import InvalidParameter, SkerryError
from skerry.model.go.strconv import quote
from skerry.model.objects import Raw

DEFAULT_PORT = str(defaults.MANAGER_PORT)
NO_LISTEN = "listen address must be an IP address or network interface (with optional port number)"
NO_ADVERTISE = (
    "advertise address must be a non-zero IP address or network interface (with optional port number)"
)
NO_DATA_PATH = "data path address must be a non-zero IP address or network interface (without a port number)"


def check_listen(body: Raw) -> None:
    """ListenAddr must be there. Raises InvalidParameter."""
    if not body.get("ListenAddr"):
        raise InvalidParameter('invalid ListenAddr "": invalid empty address')


def check_remotes(body: Raw) -> None:
    """RemoteAddrs of a join. Raises InvalidParameter."""
    if not body.get("RemoteAddrs"):
        raise InvalidParameter("at least 1 RemoteAddr is required to join")
    if any(not address for address in body["RemoteAddrs"]):
        raise InvalidParameter('invalid remoteAddr "": invalid empty address')


def resolve(body: Raw, interfaces: Mapping[str, str]) -> tuple[str, str]:
    """(listen address with port, address to advertise) of an InitRequest.

    `interfaces` maps this machine's interfaces to their addresses. Where none is to be advertised, it is the
    only one that is not loopback, or 127.0.0.1: a swarm of one node has nobody to tell.
    """
    host, port = _split(body["ListenAddr"])
    host = interfaces.get(host, host)
    if not _is_address(host):
        raise InvalidParameter(NO_LISTEN)
    advertised, _ = _split(body.get("AdvertiseAddr", ""))
    advertised = interfaces.get(advertised, advertised)
    if advertised and not _is_address(advertised, zero=False):
        raise InvalidParameter(NO_ADVERTISE)
    data_path = body.get("DataPathAddr", "")
    if data_path and not _is_address(interfaces.get(data_path, data_path), zero=False):
        raise InvalidParameter(NO_DATA_PATH)
    own = [address for address in interfaces.values() if not ip_address(address).is_loopback]
    return _join(host, port), advertised or (own[0] if len(own) == 1 else "127.0.0.1")


def _split(address: str) -> tuple[str, str]:
    """Host and port; brackets around an IPv6 host are taken off."""
    if address.startswith("["):
        host, _, rest = address[1:].partition("]")
        return host, rest.removeprefix(":") or DEFAULT_PORT
    if address.count(":") == 1:
        host, _, port = address.partition(":")
        return host or "0.0.0.0", port or DEFAULT_PORT  # an absent host means all addresses
    return address, DEFAULT_PORT


def _join(host: str, port: str) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_address(text: str, zero: bool = True) -> bool:
    """Whether it is an IP address; without `zero`, 0.0.0.0 and :: are none."""
    try:
        return not ip_address(text).is_unspecified or zero
    except ValueError:
        return False


def pools(body: Raw) -> tuple[tuple[str, ...], int]:
    """Address pools and subnet size of an InitRequest, as a swarm shows them. Raises SkerryError (500).

    Without the field, which is not the same as an empty list, both are the defaults; an empty list, which is
    what the docker CLI sends, and a size of 0 are shown, and mean the defaults.
    """
    texts, subnet_size = body.get("DefaultAddrPool"), body.get("SubnetSize", 0)
    if texts is None:
        return defaults.ADDRESS_POOLS, defaults.SUBNET_SIZE
    size = subnet_size or defaults.SUBNET_SIZE
    networks = [_pool(text) for text in texts]
    if size > 29:
        raise SkerryError(f"subnet size is out of range: {size}")
    for text, network in zip(texts, networks, strict=True):
        if network.prefixlen > size:
            raise SkerryError(f"invalid CIDR: {quote(text)}. Subnet size is too small for pool: {size}")
    return tuple(str(network) for network in networks), subnet_size


def _pool(text: str) -> IPv4Network:
    try:
        if "/" not in text:
            raise AddressValueError(text)
        return IPv4Network(text, strict=False)
    except (AddressValueError, NetmaskValueError) as error:
        raise SkerryError(f"invalid base pool {text}: invalid CIDR address: {text}") from error


def data_path_port(body: Raw) -> int:
    """DataPathPort, or the usual one. Raises SkerryError (500)."""
    port = int(body.get("DataPathPort", 0))
    if port and not 1024 <= port <= 49151:
        raise SkerryError(f"Datapath port number is not in valid range (1024-49151) : {port}")
    return port or defaults.DATA_PATH_PORT
