"""Overlay networks."""

from __future__ import annotations

import hashlib
import ipaddress
import zlib

from skerry.api.wire.common import with_length
from skerry.core.view import View
from skerry.model.family import family_of
from skerry.model.objects import Network, Raw
from skerry.model.specs import EndpointSpec
from skerry.model.states import TaskState
from skerry.model.times import timestamp

SERIAL = "com.docker.network.ipam.serial"
"""The option of a swarm's own, beside those that a user gives."""


def pools(network: Network) -> list[Raw]:
    """The IPAM configuration: what was allocated."""
    configs = (network.spec.get("IPAM") or {}).get("Config") or ()
    ranges = {family_of(config.get("Subnet", "")): config.get("IPRange") for config in configs}
    return [
        {"Subnet": plan.subnet, "Gateway": plan.gateway}
        | ({"IPRange": ranges[family]} if ranges.get(family) else {})
        for family, plan in network.plans.items()
    ]


def ipam_driver(network: Network) -> Raw:
    """The IPAM driver as tasks show it. A swarm marks the options that it keeps in the order of requests."""
    options = (network.spec.get("IPAM") or {}).get("Options")
    return {"Name": "default", "Options": {SERIAL: "true", **options}} if options else {"Name": "default"}


def network(obj: Network, *, containers: Raw | None = None, ipv4: bool = False) -> Raw:
    """An overlay network; `containers` are those on it, where that was asked (None: the list's null)."""
    labels = obj.spec.get("Labels") or {}
    overlay, options = obj.driver == "overlay", obj.spec.get("Options") or {}
    shown: Raw = {
        "Name": obj.name,
        "Id": obj.id,
        "Created": timestamp(obj.created_at),
        "Scope": "swarm",
        "Driver": obj.driver,
    }
    if ipv4:
        shown["EnableIPv4"] = True
    return shown | {
        "EnableIPv6": bool(obj.spec.get("EnableIPv6")),
        "IPAM": {
            "Driver": "default" if overlay else "",
            "Options": ipam_driver(obj).get("Options"),
            "Config": pools(obj),
        },
        "Internal": obj.internal,
        "Attachable": obj.attachable,
        "Ingress": obj.ingress,
        "ConfigFrom": {"Network": config_from(obj)},
        "ConfigOnly": False,
        "Containers": containers,
        "Options": {**driver_options(obj), **options} if overlay else None,
        "Labels": labels or (None if containers is None else {}),
    }


def shows(network: Network, endpoint: EndpointSpec) -> bool:
    """Whether a swarm would have put the service on this network: `ingress` only for ports of that mode.

    Ports of host mode are the kernel's here, and reach their tasks by `ingress` where there is no other way.
    """
    return not network.ingress or any(port.publish_mode == "ingress" for port in endpoint.ports)


def node_local(obj: Network, made: Raw | None, *, ipv4: bool = False) -> Raw:
    """A network that the engine makes, as it was made; `made` is None while it is not."""
    shown = network(obj, ipv4=ipv4)
    if made is None:
        return shown
    own: Raw = {key: made[key] for key in ("Created", "EnableIPv6", "Containers", "Options") if key in made}
    pool = {**made["IPAM"], "Options": made["IPAM"].get("Options") or None}
    return {**shown, **own, "IPAM": pool, "Labels": shown["Labels"] or {}}


def config_from(obj: Network) -> str:
    """The configuration network that it is made from, if any."""
    return str((obj.spec.get("ConfigFrom") or {}).get("Network", ""))


def driver_options(obj: Network) -> Raw:
    """What the overlay driver of a swarm tells of a network: a VXLAN ID, which means nothing on one node."""
    return {"com.docker.network.driver.overlay.vxlanid_list": str(4096 + zlib.crc32(obj.id.encode()) % 2**20)}


def balancer_name(obj: Network) -> str:
    """What the load balancer's endpoint is called."""
    return f"{obj.name}-endpoint"


def balancer(obj: Network) -> Raw:
    """The endpoint from which a swarm's load balancer speaks on a network: here the gate's leg."""
    octets = ipaddress.IPv4Address(obj.leg).packed
    entry = {
        "Name": balancer_name(obj),
        "EndpointID": hashlib.sha256(obj.id.encode()).hexdigest(),
        "MacAddress": ":".join(f"{byte:02x}" for byte in (2, 66, *octets)),
        "IPv4Address": with_length(obj, obj.leg),
        "IPv6Address": with_length(obj, obj.six.leg) if obj.six is not None else "",
    }
    return {"ingress-sbox" if obj.ingress else f"lb-{obj.name}": entry}


def peer(view: View) -> Raw:
    """This node among the peers of a network."""
    here = view.node
    assert here is not None
    return {"Name": hashlib.sha256(here.id.encode()).hexdigest()[:12], "IP": here.address}


def verbose_services(view: View, obj: Network, containers: Raw) -> Raw:
    """`verbose=true`: who answers on a network under which service."""
    endpoints = {entry["Name"]: entry["EndpointID"] for entry in containers.values()}
    shown: Raw = {}
    for owner in sorted(view.services.values(), key=lambda entry: entry.name):
        tasks = [
            {
                "Name": member.name,
                "EndpointID": endpoints.get(member.name, ""),
                "EndpointIP": place.address,
                "Info": {"Host IP": view.node.address if view.node else ""},
            }
            for member in view.tasks_of(owner.id)
            for place in member.attachments
            if place.network_id == obj.id and member.status.state == TaskState.RUNNING
        ]
        if not tasks:
            continue
        dnsrr = owner.spec.typed.endpoint_spec.mode == "dnsrr"
        vips = [vip.address for vip in owner.endpoint.vips if vip.network_id == obj.id]
        shown[owner.name] = {
            "VIP": "<nil>" if dnsrr or not vips else vips[0],
            "Ports": [],
            "LocalLBIndex": 0,
            "Tasks": tasks,
        }
    return shown
