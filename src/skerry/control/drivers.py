"""What an overlay network is asked to do: its driver's options, and what skerry's own can't do."""

from __future__ import annotations

from ipaddress import ip_network

from skerry.model import mtu
from skerry.model.errors import InvalidParameter, NotImplementedHere
from skerry.model.objects import Raw


def check(spec: Raw) -> None:
    """Whether skerry can make an overlay network as its spec asks for.

    Options that no driver here knows are kept and shown, as by Swarm. `encrypted` means the way between
    machines, of which there is none. Raises InvalidParameter, NotImplementedHere.
    """
    try:
        mtu.inside(spec.get("Options") or {})
    except ValueError as error:
        raise InvalidParameter(str(error)) from error
    _check_ipv6(spec)


def _check_ipv6(spec: Raw) -> None:
    """Nothing is answered, translated or fenced off over IPv6 yet, so no container may get an address."""
    what = "IPv6 is not supported on overlay networks"
    if spec.get("EnableIPv6"):
        raise NotImplementedHere(
            f"{what}: create network {spec.get('Name', '')} without --ipv6 (in a stack file: enable_ipv6)"
        )
    for config in (spec.get("IPAM") or {}).get("Config") or ():
        if ip_network(config["Subnet"], strict=False).version == 6:
            raise NotImplementedHere(
                f"{what}: create network {spec.get('Name', '')} without the subnet {config['Subnet']}"
            )
