"""The swarm itself: init, leave, update; join is refused, as a skerry swarm has one node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from skerry.control import access, ca, init_addresses, networks
from skerry.control.access import require_swarm
from skerry.control.services import dismiss, forget
from skerry.core.view import View
from skerry.model.defaults import HOUR, SECOND, TASK_HISTORY
from skerry.model.errors import (
    Conflict,
    InvalidParameter,
    NotImplementedHere,
    RpcError,
    SkerryError,
    Unauthorized,
    Unavailable,
    out_of_sequence,
)
from skerry.model.go.strconv import quote
from skerry.model.objects import Cluster, Network, Node, Raw
from skerry.store.crypt import WrongKey
from skerry.store.lock import new_unlock_key
from skerry.store.store import Store, Tx

ALREADY = (
    'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.'
)
LAST_MANAGER = (
    "You are attempting to leave the swarm on a node that is participating as a manager. Removing the last "
    "manager erases all current state of the swarm. Use `--force` to ignore this message. "
)
NO_JOIN = (
    "This node can't join another swarm: a skerry swarm has one node. "
    'Use "docker swarm init" to make this node a swarm of its own.'
)
NO_WORKER = (
    "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. "
    "Please run this command on a manager node or promote the current node to a manager."
)
LEAVE_LOCKED = (
    "Swarm is encrypted and locked. Please unlock it first or use `--force` to ignore this message."
)
NO_EXTERNAL_ROOT = (
    "rotating to a CA without its key is not supported: an external CA would sign the certificates of nodes, "
    "and the one node of a skerry swarm has none"
)
SIGNING = ("SigningCACert", "SigningCAKey")
"""A CA that a client brings along: used, and not kept in the spec."""

DEFAULTS: Raw = {
    "Name": "default",
    "Labels": {},
    "Orchestration": {"TaskHistoryRetentionLimit": TASK_HISTORY},
    "Raft": {
        "SnapshotInterval": 10000,
        "KeepOldSnapshots": 0,
        "LogEntriesForSlowFollowers": 500,
        "ElectionTick": 10,
        "HeartbeatTick": 1,
    },
    "Dispatcher": {"HeartbeatPeriod": 5 * SECOND},
    "CAConfig": {"NodeCertExpiry": 90 * 24 * HOUR},
    "TaskDefaults": {},
    "EncryptionConfig": {"AutoLockManagers": False},
}
"""The spec of a new swarm."""

ZERO_IS_MEANT = ("TaskHistoryRetentionLimit", "KeepOldSnapshots")
"""Numbers that Docker's API has as pointers: one that is there counts."""

ZEROS: Raw = {
    "Name": "default",
    "Labels": {},
    "Orchestration": {"TaskHistoryRetentionLimit": 0},
    "Raft": {"KeepOldSnapshots": 0, "ElectionTick": 0, "HeartbeatTick": 0},
    "Dispatcher": {},
    "CAConfig": {},
    "TaskDefaults": {},
    "EncryptionConfig": {"AutoLockManagers": False},
}
"""What an update makes of fields that it leaves out: it replaces the whole spec."""


async def init(
    store: Store,
    body: Raw,
    hostname: str,
    description: Raw,
    interfaces: Mapping[str, str] | None = None,
    taken: Iterable[str] = (),
) -> str:
    """Make this machine a swarm of one node, with its CA, tokens and ingress network; the node's ID.

    `description` is the node's, as the API shows it; `interfaces` maps interface names to addresses;
    `taken` are subnets (CIDR) that this machine reaches otherwise. Raises Unavailable where it is in a swarm,
    unless the body says ForceNewCluster: then the swarm goes on with its addresses and its spec.
    """
    routes = tuple(taken)

    def write(tx: Tx) -> str:
        """Put the cluster, its node and its networks, or change the standing cluster that goes on."""
        standing = tx.view.cluster
        if standing is not None and not body.get("ForceNewCluster"):
            raise Unavailable(ALREADY)
        if tx.view.locked:
            raise Unavailable(NO_WORKER)
        init_addresses.check_listen(body)
        overrides = body.get("Spec", {})
        _check_name(overrides)
        listen, address = init_addresses.resolve(body, interfaces or {})
        pools, size = init_addresses.pools(body)
        port = init_addresses.data_path_port(body)
        availability = body.get("Availability") or "active"
        if availability.lower() not in ("active", "pause", "drain"):
            raise SkerryError(f"invalid Availability: {quote(availability)}")
        merged = _merged(DEFAULTS if standing is None else standing.spec, overrides)
        spec = _public(merged)
        if body.get("AutoLockManagers"):
            spec["EncryptionConfig"] = {**spec["EncryptionConfig"], "AutoLockManagers": True}
        _check_spec(spec, "error updating cluster settings: ")
        if standing is not None:
            cluster = _rotated(standing, merged["CAConfig"], tx.now)
            tx.put(_with_lock(replace(cluster, spec=spec, listen_addr=listen)))
            tx.put(replace(tx.view.nodes[standing.node_id], address=address))
            return standing.node_id
        node = tx.put(_node(tx.new_id(), hostname, description, address, availability.lower()))
        cluster = Cluster(tx.new_id(), node.id, spec, listen_addr=listen)
        cluster = replace(cluster, address_pools=pools, subnet_size=size, data_path_port=port)
        tx.put(_with_lock(_with_authority(cluster, *ca.create(tx.now))))
        _add_ingress(tx, routes)
        networks.add_predefined(tx)
        return node.id

    return await store.update(write)


def _node(key: str, hostname: str, description: Raw, address: str, availability: str) -> Node:
    spec = {"Labels": {}, "Role": "manager", "Availability": availability}
    return Node(key, hostname, spec, address=address, description=description)


def _rotated(cluster: Cluster, config: Raw, now: int) -> Cluster:
    """The cluster with the CA that a new CAConfig brings, or a fresh one where its ForceRotate changed."""
    keyless = config.get("SigningCACert") and not config.get("SigningCAKey")
    if keyless and config.get("ExternalCAs"):
        raise NotImplementedHere(NO_EXTERNAL_ROOT)
    own = ca.adopted(config.get("SigningCACert", ""), config.get("SigningCAKey", ""), now)
    if own is not None:
        return cluster if own[0] == cluster.ca_cert else _with_authority(cluster, *own)
    forced = config.get("ForceRotate", 0) != cluster.spec["CAConfig"].get("ForceRotate", 0)
    return _with_authority(cluster, *ca.create(now)) if forced else cluster


def _with_authority(cluster: Cluster, certificate: str, key: bytes) -> Cluster:
    """The cluster with a CA, and tokens that carry its digest."""
    worker, chief = ca.token(certificate), ca.token(certificate)
    return replace(cluster, ca_cert=certificate, ca_key=key, worker_token=worker, manager_token=chief)


def _with_lock(cluster: Cluster, *, rotate: bool = False) -> Cluster:
    """The cluster with an unlock key where its spec asks for autolock, and without one where not."""
    if not cluster.spec["EncryptionConfig"].get("AutoLockManagers"):
        return replace(cluster, unlock_key="")
    fresh = rotate or not cluster.unlock_key
    return replace(cluster, unlock_key=new_unlock_key()) if fresh else cluster


def _add_ingress(tx: Tx, taken: tuple[str, ...]) -> Network:
    spec = {"Name": "ingress", "Driver": "overlay", "Labels": {}, "Ingress": True}
    return networks.add(tx, spec, taken)


def _merged(base: Raw, overrides: Raw) -> Raw:
    """`base` with what `given` sets to something, one level deep: zero leaves it,
    but where it can be meant."""
    merged: dict[str, Any] = dict(base)
    for key, value in overrides.items():
        if isinstance(value, dict) and key != "Labels":
            set_here = {name: item for name, item in value.items() if item or name in ZERO_IS_MEANT}
            merged[key] = {**base.get(key, {}), **set_here}
        elif value:
            merged[key] = value
    return merged


def _public(spec: Raw) -> Raw:
    """The spec without the CA that came with it. External CAs are kept and shown, as Swarm does, which asks
    them for the certificates of nodes that join."""
    config = {key: value for key, value in spec["CAConfig"].items() if key not in SIGNING}
    if authorities := config.get("ExternalCAs"):
        config["ExternalCAs"] = [
            {**authority, "Protocol": authority["Protocol"].lower()} for authority in authorities
        ]
    return {**spec, "CAConfig": config}


def _check_name(spec: Raw) -> None:
    if spec.get("Name", "default") != "default":
        raise InvalidParameter('swarm spec must be named "default"')


def _check_spec(spec: Raw, doing: str = "") -> None:
    """What swarmkit checks of a spec; at init, moby wraps its answer into a plain error (500)."""
    for authority in spec["CAConfig"].get("ExternalCAs", []):
        if authority["Protocol"].lower() != "cfssl":
            raise _doing(doing, InvalidParameter(f"invalid protocol: {quote(authority['Protocol'])}"))
    try:
        expiry = spec["CAConfig"].get("NodeCertExpiry")
        if expiry is not None and expiry < HOUR:
            raise RpcError("InvalidArgument", "minimum certificate expiry time is: 1h0m0s")
        if spec["Dispatcher"].get("HeartbeatPeriod", 0) < 0:
            raise RpcError("InvalidArgument", "heartbeat time period cannot be a negative duration")
    except RpcError as error:
        raise _doing(doing, error) from error


def _doing(what: str, error: SkerryError) -> SkerryError:
    return SkerryError(f"{what}{error}") if what else error


async def join(store: Store, body: Raw) -> None:
    """Refused, with the reason. Raises Unavailable, InvalidParameter, NotImplementedHere."""
    if store.view.cluster is not None:
        raise Unavailable(ALREADY)
    init_addresses.check_listen(body)
    init_addresses.check_remotes(body)
    if not ca.is_token(body.get("JoinToken", "")):
        raise SkerryError("invalid join token")
    raise NotImplementedHere(NO_JOIN)


async def leave(store: Store, force: bool) -> None:
    """End the swarm: what it has goes, at once or, tasks and networks, when what stands behind has gone.

    Tasks stay with desired state REMOVE until their containers are removed, networks as `removed` until
    their bridges are. Raises Unavailable without `force`, as this node is the last manager. What is
    locked goes all the same: nobody will ever read it.
    """

    def write(tx: Tx) -> None:
        """Tell tasks and networks that still stand to go, and delete all other rows."""
        cluster = tx.view.cluster
        if cluster is None:
            raise Unavailable("This node is not part of a swarm")
        if not force:
            raise Unavailable(LEAVE_LOCKED if tx.view.locked else LAST_MANAGER)
        for service_id in sorted(tx.view.index.tasks):
            dismiss(tx, service_id)
        for network in networks.living(tx.view):
            if network.predefined:
                tx.delete(network)
            else:
                tx.put(replace(network, removed=True))
        view = tx.view
        for service_id in sorted(view.services):
            forget(tx, service_id)
        gone_with_it = (view.services, view.configs, view.secrets, view.kept_configs, view.kept_secrets)
        for gone in (*gone_with_it, view.users, view.listeners, view.nodes, view.clusters):
            for key in sorted(gone):
                tx.delete(gone[key])

    await store.update(write)


async def update(
    store: Store,
    version: str | None,
    body: Raw,
    rotate_worker: bool,
    rotate_manager: bool,
    rotate_unlock_key: bool = False,
) -> None:
    """Replace the swarm's spec, and rotate tokens. A changed CAConfig.ForceRotate makes a new CA at once.

    With the unlock key, the store changes the key that the state is encrypted with.
    """
    number = access.version_number(version, "swarm")

    def write(tx: Tx) -> None:
        """Put the cluster with its whole new spec and new tokens. Its version is compared after the spec is
        checked: what is wrong with the spec is said first."""
        cluster = require_swarm(tx.view)
        _check_name(body)
        spec = {
            key: {**ZEROS[key], **value} if key in ZEROS and key != "Name" else value
            for key, value in body.items()
        }
        spec = {**ZEROS, **spec}
        _check_spec(spec)
        cluster = _rotated(cluster, spec["CAConfig"], tx.now)
        if number != cluster.version:
            raise out_of_sequence()
        spec = _public(spec)
        worker = ca.token(cluster.ca_cert) if rotate_worker else cluster.worker_token
        chief = ca.token(cluster.ca_cert) if rotate_manager else cluster.manager_token
        cluster = replace(cluster, spec=spec, worker_token=worker, manager_token=chief)
        tx.put(_with_lock(cluster, rotate=rotate_unlock_key))

    await store.update(write)


async def unlock(store: Store, body: Raw) -> None:
    """Open a swarm that is locked. Raises Conflict where it is not, and Unauthorized for a wrong key."""
    if not store.view.locked:
        require_swarm(store.view)
        raise Conflict("swarm is not locked")
    try:
        await store.unlock(body.get("UnlockKey", ""))
    except WrongKey as error:
        raise Unauthorized("swarm could not be unlocked: invalid key provided") from error


def tokens(view: View) -> dict[str, str]:
    """The join tokens, as GET /swarm shows them: `{"Worker": …, "Manager": …}`. Raises Unavailable."""
    cluster = require_swarm(view)
    return {"Worker": cluster.worker_token, "Manager": cluster.manager_token}
