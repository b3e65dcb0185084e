"""Overlay networks."""

from __future__ import annotations

from skerry.core.view import View
from skerry.model.objects import Network, Raw
from skerry.model.states import TaskState
from skerry.model.times import timestamp


def pools(network: Network) -> list[Raw]:
    """The IPAM configuration: what was allocated."""
    if not network.subnet:
        return []
    asked = ((network.spec.get("IPAM") or {}).get("Config") or [{}])[0]
    found = {"Subnet": network.subnet, "Gateway": network.gateway}
    return [found | {key: asked[key] for key in ("IPRange",) if asked.get(key)}]


def network(obj: Network, *, containers: Raw | None = None, ipv4: bool = False) -> Raw:
    """An overlay network; `containers` are those on it, where that was asked (None: the list's null)."""
    asked = obj.spec.get("Labels") or {}
    found: Raw = {
        "Name": obj.name,
        "Id": obj.id,
        "Created": timestamp(obj.created_at),
        "Scope": "swarm",
        "Driver": "overlay",
    }
    if ipv4:
        found["EnableIPv4"] = True
    return found | {
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": pools(obj)},
        "Internal": obj.internal,
        "Attachable": obj.attachable,
        "Ingress": obj.ingress,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": containers,
        "Options": obj.spec.get("Options") or {},
        "Labels": asked or (None if containers is None else {}),
    }


def verbose_services(view: View, obj: Network, containers: Raw) -> Raw:
    """`verbose=true`: who answers on a network under which service."""
    endpoints = {entry["Name"]: entry["EndpointID"] for entry in containers.values()}
    found: Raw = {}
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
        dnsrr = (owner.spec.get("EndpointSpec") or {}).get("Mode") == "dnsrr"
        vips = [vip.address for vip in owner.endpoint.vips if vip.network_id == obj.id]
        found[owner.name] = {
            "VIP": "<nil>" if dnsrr or not vips else vips[0],
            "Ports": [],
            "LocalLBIndex": 0,
            "Tasks": tasks,
        }
    return found
