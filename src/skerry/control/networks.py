"""The swarm's networks: rows of the store, made into bridges by `loops.segments`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from skerry.control import access, drivers, ipam
from skerry.control.names import check_name
from skerry.core.attach import networks_of
from skerry.core.view import View
from skerry.model.errors import Conflict, Forbidden, InvalidParameter, RpcError
from skerry.model.family import SIX
from skerry.model.objects import PREDEFINED_LABEL, Network, Raw
from skerry.model.states import TaskState
from skerry.store.store import Store, Tx

PREDEFINED = ("bridge", "host")
"""Networks that every engine has and that services may join; each is its own driver."""


class InvalidNetwork(InvalidParameter):
    """A mistake that older engines took for their own (500); `before` is what they said of it."""

    def __init__(self, message: str, before: str) -> None:
        super().__init__(message)
        self.before = before


class Surroundings(NamedTuple):
    """What a new network has to fit in with."""

    taken: tuple[str, ...] = ()
    """Subnets (CIDR) that this machine reaches otherwise: none of them is given away."""
    strict: bool = False
    """Whether addresses are looked at as by newer engines."""
    network_address: bool = False
    """Whether this machine's kernel lets a host have a subnet's first address of all."""


def living(view: View) -> list[Network]:
    """The networks that users see: removed ones wait for their bridge to go."""
    networks = [network for network in view.networks.values() if not network.removed]
    return sorted(networks, key=lambda network: (network.created_at, network.id))


def find(view: View, ref: str) -> Network:
    """A network by ID, name or ID prefix. Raises NotFound, InvalidParameter, Unavailable."""
    return access.find(view, "network", living(view), ref, lambda network: network.name == ref)


async def create(
    store: Store,
    body: Raw,
    taken: Iterable[str] = (),
    *,
    strict: bool = False,
    network_address: bool = False,
) -> str:
    """Create a network of the swarm, an overlay one with a subnet of its own; its ID.

    One of another driver is made by the engine, with whatever the driver takes, when a task joins it; the
    engine has been asked whether it could. `taken` are subnets (CIDR) that this machine reaches otherwise;
    none of them is given away. `strict`: addresses are looked at as by newer engines. `network_address`: this
    machine's kernel lets a host have a subnet's first one of all.
    """
    routes = tuple(taken)

    def write(tx: Tx) -> str:
        access.require_swarm(tx.view)
        return add_checked(tx, body, Surroundings(routes, strict, network_address)).id

    return await store.update(write)


def add_checked(tx: Tx, body: Raw, around: Surroundings) -> Network:
    """Write the row of a network that nothing is wrong with. Raises what `create` does."""
    _check(tx.view, body, around.strict)
    if not _is_overlay(body):
        return _add_node_local(tx, body)
    return add(tx, body, around.taken, around.network_address)


def _is_overlay(spec: Raw) -> bool:
    return spec.get("Driver", "") in ("", "overlay")


def _add_node_local(tx: Tx, spec: Raw) -> Network:
    """Write the row of a network that a driver of the engine's makes, addresses included."""
    attachable, internal = spec.get("Attachable", False), spec.get("Internal", False)
    return tx.put(Network(tx.new_id(), spec["Name"], spec, attachable=attachable, internal=internal))


def add(tx: Tx, spec: Raw, taken: Iterable[str] = (), network_address: bool = False) -> Network:
    """Write the row of an overlay network whose spec has been checked."""
    ipam_spec, reached = spec.get("IPAM", {}), tuple(taken)
    addresses = ipam.plan(tx.view, ipam_spec, reached, network_address)
    six = ipam.plan(tx.view, ipam_spec, reached, family=SIX) if spec.get("EnableIPv6") else None
    return tx.put(
        Network(
            tx.new_id(),
            spec["Name"],
            spec,
            subnet=addresses.subnet,
            gateway=addresses.gateway,
            leg=addresses.leg,
            ip_range=addresses.ip_range,
            auxiliary=addresses.auxiliary,
            six=six,
            ingress=spec.get("Ingress", False),
            attachable=spec.get("Attachable", False),
            internal=spec.get("Internal", False),
        )
    )


def add_predefined(tx: Tx) -> None:
    """Put the rows that stand for the engine's own `bridge` and `host`, where they are not.

    Their label keeps them out of lists. `swarm init` puts them; states of older versions lack them.
    """
    there = {network.name for network in living(tx.view)}
    for name in PREDEFINED if tx.view.cluster is not None else ():
        if name not in there:
            row = {"Name": name, "Driver": name, "Labels": {PREDEFINED_LABEL: "true"}}
            tx.put(Network(tx.new_id(), name, row))


def _check(view: View, spec: Raw, strict: bool) -> None:
    """Raise what is wrong with a network that is to be made, in the order in which Docker looks."""
    name = spec.get("Name", "")
    if not name:
        raise InvalidNetwork("invalid name: ", before="invalid name: ")
    if name in PREDEFINED:
        raise Conflict(f"network with name {name} already exists")
    if name in ("none", "default"):
        raise Forbidden(f"operation is not permitted on predefined {name} network ")
    if _is_overlay(spec) and spec.get("Scope") == "local":
        raise Forbidden("cannot downgrade network scope for overlay networks")
    if any(network.name == name for network in living(view)):
        raise Conflict(f"network with name {name} already exists")
    if spec.get("Driver") == "null":
        raise RpcError("InvalidArgument", "error during lookup of plugin null")
    _check_kind(view, spec)
    _check_addresses(spec, strict)
    if any(network.name.lower() == name.lower() for network in living(view)):
        raise RpcError("Unknown", "name conflicts with an existing object")


def _check_addresses(spec: Raw, strict: bool) -> None:
    """What skerry can give out and carry; of another driver's network the engine gives the addresses."""
    config = spec.get("IPAM", {})
    if _is_overlay(spec):
        ipam.check(config, strict, six=bool(spec.get("EnableIPv6")))
        drivers.check(spec)
    else:
        ipam.check({**config, "Config": []}, strict)


def _check_kind(view: View, spec: Raw) -> None:
    if spec.get("Ingress") and spec.get("Attachable"):
        raise RpcError("InvalidArgument", "ingress network cannot be attachable")
    check_name(spec["Name"])
    if PREDEFINED_LABEL in spec.get("Labels", {}):
        raise RpcError(
            "PermissionDenied",
            f"label {PREDEFINED_LABEL} is for internally created predefined networks and cannot be applied "
            "by users",
        )
    present = next((network for network in living(view) if network.ingress), None)
    if spec.get("Ingress") and present is not None:
        raise RpcError("AlreadyExists", f"ingress network ({present.id}) is already present")


async def remove(store: Store, ref: str) -> None:
    """Take a network away from users; the row stays, `removed`, until its bridge is gone."""

    def write(tx: Tx) -> None:
        take_away(tx, find(tx.view, ref))

    await store.update(write)


def take_away(tx: Tx, network: Network) -> None:
    """Take away a network that nothing uses. Raises RpcError where something does."""
    if network.predefined:
        raise RpcError(
            "FailedPrecondition",
            f"network {network.id} ({network.name}) is a swarm predefined network and cannot be removed",
        )
    if network.ingress:
        _check_ingress_unused(tx.view)
    else:
        _check_unused(tx.view, network)
    tx.put(replace(network, removed=True))


def _check_ingress_unused(view: View) -> None:
    for service in sorted(view.services.values(), key=lambda service: service.id):
        ports = service.spec.typed.endpoint_spec.ports
        on_it = any(network.ingress for network in networks_of(view, service))
        if on_it or any(port.publish_mode == "ingress" for port in ports):
            raise RpcError(
                "FailedPrecondition",
                f"ingress network cannot be removed because service {service.id} depends on it",
            )


def _check_unused(view: View, network: Network) -> None:
    """Tasks that are told to go are in nobody's way: `stack rm` removes the network right after them."""
    for service in sorted(view.services.values(), key=lambda service: service.id):
        targets = [attached.target for attached in service.spec.typed.task_template.networks]
        if network.id in targets:
            raise RpcError("FailedPrecondition", f"network {network.id} is in use by service {service.id}")
    for task in sorted(view.tasks.values(), key=lambda task: task.id):
        attached = any(attachment.network_id == network.id for attachment in task.attachments)
        if attached and task.live and task.status.state <= TaskState.RUNNING:
            raise RpcError("FailedPrecondition", f"network {network.id} is in use by task {task.id}")
