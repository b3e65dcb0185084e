"""Tasks, with the ports that they publish in host mode and their places on networks."""

from __future__ import annotations

from collections.abc import Iterable

from skerry.api.wire.common import meta, port, with_length
from skerry.api.wire.networks import config_from, driver_options, ipam_driver, pools, shows
from skerry.api.wire.services import task_spec
from skerry.core.view import View
from skerry.model.objects import Network, Port, Raw, Task
from skerry.model.states import TaskState
from skerry.model.times import timestamp


def task(view: View, obj: Task, *, volumes: bool = False) -> Raw:
    """A task; `volumes` adds the null that newer engines have there."""
    spec = task_spec(obj.spec.raw)
    spec.pop("Runtime", None)
    shown = {**meta(obj), "Labels": {}, "Spec": spec, "ServiceID": obj.service_id}
    if obj.slot:
        shown["Slot"] = obj.slot
    if obj.node_id and obj.status.state >= TaskState.ASSIGNED:
        shown["NodeID"] = obj.node_id
    shown["Status"] = task_status(obj)
    shown["DesiredState"] = obj.desired.word
    if obj.job_iteration is not None:
        shown["JobIteration"] = {"Index": obj.job_iteration} if obj.job_iteration else {}
    attachments = [
        attachment(network, entry.addresses or entry.reservations)
        for entry in obj.attachments
        if (network := view.networks.get(entry.network_id)) is not None and shows(network, obj.endpoint)
    ]
    if attachments:
        shown["NetworksAttachments"] = attachments
    if volumes:
        shown["Volumes"] = None
    return shown


def task_status(obj: Task) -> Raw:
    """What was observed of a task, host-mode ports included while it runs."""
    status = obj.status
    shown: Raw = {
        "Timestamp": timestamp(status.at),
        "State": status.state.word,
        "Message": status.words,
    }
    if status.err:
        shown["Err"] = status.err
    if status.state >= TaskState.STARTING:
        shown["ContainerStatus"] = {
            "ContainerID": status.container_id,
            "PID": status.pid,
            "ExitCode": status.exit_code,
        }
    ports = host_ports(obj) if status.state == TaskState.RUNNING else []
    shown["PortStatus"] = {"Ports": [port(entry) for entry in ports]} if ports else {}
    return shown


def host_ports(obj: Task) -> list[Port]:
    """The ports that a task publishes in host mode, with the numbers that they have."""
    numbers, ports = iter(obj.ports), []
    for entry in obj.endpoint.ports:
        if entry.publish_mode == "host":
            number = entry.published_port or next((port.published for port in numbers), 0)
            ports.append(Port(entry.target_port, number, entry.protocol, "host", entry.name))
    return ports


def attachment(network: Network, addresses: Iterable[str]) -> Raw:
    """A task's place on a network. What the engine's own drivers do with it, a swarm doesn't tell."""
    spec: Raw = {
        "Name": network.name,
        "Labels": network.spec.get("Labels") or {},
        "DriverConfiguration": _driver(network, network.spec.get("Options")),
    }
    if network.attachable:
        spec["Attachable"] = True
    if network.internal:
        spec["Internal"] = True
    overlay = network.driver == "overlay"
    driver = ipam_driver(network)
    if (ipam := network.spec.get("IPAM")) is not None:
        spec["IPAMOptions"] = {"Driver": driver}
        if ipam.get("Config"):
            spec["IPAMOptions"]["Configs"] = pools(network) if overlay else ipam["Config"]
    if config := config_from(network):
        spec["ConfigFrom"] = {"Network": config}
    spec["Scope"] = "swarm"
    options = {**driver_options(network), **(network.spec.get("Options") or {})} if overlay else None
    shown: Raw = {
        "Network": {
            **meta(network),
            "Spec": spec,
            "DriverState": _driver(network, options),
            "IPAMOptions": {"Driver": driver, "Configs": pools(network)} if overlay else {"Driver": {}},
        }
    }
    shown_addresses = [with_length(network, address) for address in addresses if overlay]
    if shown_addresses:
        shown["Addresses"] = shown_addresses
    return shown


def _driver(network: Network, options: Raw | None) -> Raw:
    return {"Name": network.driver, "Options": options} if options else {"Name": network.driver}
