"""The swarm and its node: init, update, rotation, leave."""

from __future__ import annotations

import base64
import re
from functools import partial
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_pem_private_key,
)

from skerry.api.wire.cluster import cluster_info, tls_info
from skerry.control import access, nodes, services, swarm, tasks
from skerry.control.access import require_swarm
from skerry.core.view import View
from skerry.model.errors import SkerryError
from skerry.model.objects import Raw
from skerry.model.states import TaskState
from skerry.store.crypt import WrongKey
from skerry.store.lock import new_unlock_key, read_unlock_key
from skerry.store.store import Change, Store
from tests.control.authority import authority
from tests.control.swarm_of_one import INIT, World, create_service, invalid, spec
from tests.support.memory import Memory

ALREADY = (
    'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.'
)
WRONG = "swarm could not be unlocked: invalid key provided"
AVAILABLE: Raw = {"Role": "manager", "Availability": "active"}
TOKEN = r"SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}"


def test_init_makes_a_node_a_cluster_and_the_ingress_network() -> None:
    world = World()
    cluster, node = world.view.cluster, world.view.node
    assert cluster is not None
    assert node is not None
    assert (cluster.node_id, node.hostname, node.address) == (node.id, "vm", "127.0.0.1")
    assert node.spec == {"Labels": {}, "Role": "manager", "Availability": "active"}
    assert cluster.spec == swarm.DEFAULTS
    bridge, host, ingress = sorted(world.view.networks.values(), key=lambda one: one.name)
    assert [(one.name, one.predefined, one.subnet) for one in (bridge, host)] == [
        ("bridge", True, ""),
        ("host", True, ""),
    ]
    assert (ingress.name, ingress.ingress, ingress.subnet) == ("ingress", True, "10.0.0.0/24")
    assert (ingress.gateway, ingress.leg) == ("10.0.0.1", "10.0.0.254")
    world.refuses(lambda store: swarm.init(store, INIT, "vm", {}), 503, ALREADY)
    assert world.run(swarm.init(world.store, {**INIT, "ForceNewCluster": True}, "vm", {})) == node.id


def test_the_authority_is_real_and_the_tokens_carry_its_digest() -> None:
    cluster = require_swarm(World().view)
    certificate = x509.load_pem_x509_certificate(cluster.ca_cert.encode())
    key = load_der_private_key(cluster.ca_key, password=None)
    assert certificate.public_key() == key.public_key()
    certificate.verify_directly_issued_by(certificate)
    tokens = swarm.tokens(World().view)
    assert all(re.fullmatch(TOKEN, token) for token in tokens.values())
    assert tokens["Worker"][:59] == tokens["Manager"][:59]
    assert tokens["Worker"] != tokens["Manager"]
    info = tls_info(cluster.ca_cert)
    assert base64.b64decode(info["CertIssuerSubject"]).endswith(b"swarm-ca")


def refuses_init(more: Raw, status: int, text: str, **other: Any) -> None:
    World(swarmed=False).refuses(
        lambda store: swarm.init(store, {**INIT, **more}, "vm", {}, **other), status, text
    )


ADVERTISE = "advertise address must be a non-zero IP address or network interface (with optional port number)"


@pytest.mark.parametrize(
    ("more", "status", "text"),
    [
        ({"ListenAddr": ""}, 400, 'invalid ListenAddr "": invalid empty address'),
        (
            {"ListenAddr": "zz"},
            400,
            "listen address must be an IP address or network interface (with optional port number)",
        ),
        ({"Spec": {"Name": "x"}}, 400, 'swarm spec must be named "default"'),
        ({"AdvertiseAddr": "nosuch0"}, 400, ADVERTISE),
        ({"AdvertiseAddr": "0.0.0.0"}, 400, ADVERTISE),
        (
            {"DataPathAddr": "zz"},
            400,
            "data path address must be a non-zero IP address or network interface (without a port number)",
        ),
        ({"DataPathPort": 80}, 500, "Datapath port number is not in valid range (1024-49151) : 80"),
        ({"DefaultAddrPool": ["zz"]}, 500, "invalid base pool zz: invalid CIDR address: zz"),
        (
            {"DefaultAddrPool": ["10.20.0.0/16"], "SubnetSize": 8},
            500,
            'invalid CIDR: "10.20.0.0/16". Subnet size is too small for pool: 8',
        ),
        ({"DefaultAddrPool": ["10.20.0.0/16"], "SubnetSize": 31}, 500, "subnet size is out of range: 31"),
        ({"Availability": "zz"}, 500, 'invalid Availability: "zz"'),
        (
            {"Spec": {"CAConfig": {"NodeCertExpiry": 5}}},
            500,
            "error updating cluster settings: rpc error: code = InvalidArgument desc = minimum certificate "
            "expiry time is: 1h0m0s",
        ),
    ],
)
def test_bad_init_requests(more: Raw, status: int, text: str) -> None:
    refuses_init(more, status, text)


@pytest.mark.parametrize(
    "more", [{"AutoLockManagers": True}, {"Spec": {"EncryptionConfig": {"AutoLockManagers": True}}}]
)
def test_autolock_gives_the_swarm_a_key_that_stays_until_it_is_rotated(more: Raw) -> None:
    world = World(swarmed=False)
    world.run(swarm.init(world.store, {**INIT, **more}, "vm", {}))
    first = require_swarm(world.view)
    assert first.spec["EncryptionConfig"] == {"AutoLockManagers": True}
    assert len(read_unlock_key(first.unlock_key)) == 32
    on: Raw = {"EncryptionConfig": {"AutoLockManagers": True}}
    world.run(change(world.store, str(first.version), on))
    assert require_swarm(world.view).unlock_key == first.unlock_key
    world.run(change(world.store, str(require_swarm(world.view).version), on, unlocking=True))
    second = require_swarm(world.view)
    assert len({first.unlock_key, second.unlock_key, ""}) == 3
    world.run(change(world.store, str(second.version), {}))
    assert require_swarm(world.view).unlock_key == ""
    world.run(change(world.store, str(require_swarm(world.view).version), {}, unlocking=True))
    assert require_swarm(world.view).unlock_key == ""


@pytest.fixture
def locked() -> World:
    world = World()
    world.store = Store(Locked(world.view), world.clock, lambda: "new")
    return world


class Locked(Memory):
    """Opens with one key; a swarm that is left is not locked."""

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self.locked = True

    def unlock(self, key: str) -> None:
        if read_unlock_key(key) != b"k" * 32:
            raise WrongKey("")
        self.locked = False

    def write(self, index: int, changes: tuple[Change, ...]) -> None:
        self.locked = False


def test_a_locked_swarm_answers_nothing_but_its_key(locked: World) -> None:
    for call, status, text in (
        (partial(change, version="1", body={}), 503, access.LOCKED),
        (partial(nodes.update, ref="vm", version="1", body=AVAILABLE), 503, access.LOCKED),
        (partial(create_service, body=spec()), 503, access.LOCKED),
        (partial(services.remove, ref="app"), 503, access.LOCKED),
        (partial(swarm.init, body=INIT, hostname="vm", description={}), 503, ALREADY),
        (
            partial(swarm.init, body={**INIT, "ForceNewCluster": True}, hostname="vm", description={}),
            503,
            swarm.NO_WORKER,
        ),
        (partial(swarm.join, body=INIT), 503, ALREADY),
        (partial(swarm.leave, force=False), 503, swarm.LEAVE_LOCKED),
        (partial(swarm.unlock, body={}), 400, "invalid key string"),
        (partial(swarm.unlock, body={"UnlockKey": "x"}), 400, "invalid key string"),
        (partial(swarm.unlock, body={"UnlockKey": "SWMKEY-1-A!"}), 400, "invalid key string"),
        (partial(swarm.unlock, body={"UnlockKey": new_unlock_key()}), 401, WRONG),
        (partial(swarm.unlock, body={"UnlockKey": "SWMKEY-1-AAAA"}), 401, WRONG),
    ):
        locked.refuses(call, status, text)
    key = "SWMKEY-1-" + base64.b64encode(b"k" * 32).decode().rstrip("=")
    locked.run(swarm.unlock(locked.store, {"UnlockKey": key}))
    assert not locked.view.locked
    locked.refuses(partial(swarm.unlock, body={"UnlockKey": key}), 409, "swarm is not locked")


def test_a_locked_swarm_can_be_left_by_force(locked: World) -> None:
    locked.run(swarm.leave(locked.store, True))
    assert (locked.view.cluster, locked.view.locked) == (None, False)
    locked.run(locked.store.opened())


def test_init_with_all_its_fields() -> None:
    world = World(swarmed=False)
    body: Raw = {
        "ListenAddr": "eth0",
        "AdvertiseAddr": "eth0:2400",
        "DataPathPort": 5000,
        "DefaultAddrPool": ["10.20.0.0/16"],
        "SubnetSize": 26,
        "Availability": "drain",
        "Spec": {"Orchestration": {"TaskHistoryRetentionLimit": 9}, "Labels": {"a": "b"}},
    }
    world.run(swarm.init(world.store, body, "vm", {}, {"eth0": "192.0.2.7"}, taken=["10.20.0.0/25"]))
    cluster, node = require_swarm(world.view), world.view.node
    assert node is not None
    assert (cluster.listen_addr, node.address) == ("192.0.2.7:2377", "192.0.2.7")
    assert (cluster.address_pools, cluster.subnet_size) == (("10.20.0.0/16",), 26)
    assert (cluster.data_path_port, node.spec["Availability"]) == (5000, "drain")
    assert cluster.spec["Orchestration"] == {"TaskHistoryRetentionLimit": 9}
    assert cluster.spec["Labels"] == {"a": "b"}
    assert cluster.spec["Raft"] == swarm.DEFAULTS["Raft"]
    bridge, host, ingress = sorted(world.view.networks.values(), key=lambda one: one.name)
    assert [(one.name, one.predefined, one.subnet) for one in (bridge, host)] == [
        ("bridge", True, ""),
        ("host", True, ""),
    ]
    assert ingress.subnet == "10.20.0.128/26"


@pytest.mark.case("F7")
@pytest.mark.parametrize(
    ("fields", "shown", "ingress"),
    [
        ({}, (["10.0.0.0/8"], 24), "10.0.0.0/24"),
        ({"SubnetSize": 26}, (["10.0.0.0/8"], 24), "10.0.0.0/24"),
        ({"SubnetSize": 30}, (["10.0.0.0/8"], 24), "10.0.0.0/24"),
        ({"DefaultAddrPool": None}, (["10.0.0.0/8"], 24), "10.0.0.0/24"),
        ({"DefaultAddrPool": []}, (None, 0), "10.0.0.0/24"),
        ({"DefaultAddrPool": [], "SubnetSize": 26}, (None, 26), "10.0.0.0/26"),
        ({"DefaultAddrPool": ["10.20.0.0/16"]}, (["10.20.0.0/16"], 0), "10.20.0.0/24"),
        ({"DefaultAddrPool": ["10.20.0.0/16"], "SubnetSize": 26}, (["10.20.0.0/16"], 26), "10.20.0.0/26"),
        ({"DefaultAddrPool": ["10.0.0.0/8"], "SubnetSize": 24}, (["10.0.0.0/8"], 24), "10.0.0.0/24"),
    ],
)
def test_pools_are_shown_as_they_were_sent(fields: Raw, shown: tuple[object, int], ingress: str) -> None:
    world = World(swarmed=False)
    world.run(swarm.init(world.store, {**INIT, **fields}, "vm", {}))
    info = cluster_info(require_swarm(world.view))
    assert (info["DefaultAddrPool"], info["SubnetSize"]) == shown
    assert ingress in {network.subnet for network in world.view.networks.values()}


@pytest.mark.case("F6")
def test_a_new_cluster_by_force_goes_on_with_the_spec_of_the_request() -> None:
    world = World()
    service, before = world.service("app"), require_swarm(world.view)
    force = {**INIT, "ForceNewCluster": True, "AdvertiseAddr": "192.0.2.9"}
    spec = {"Labels": {"a": ""}, "Orchestration": {"TaskHistoryRetentionLimit": 0}}
    world.run(swarm.init(world.store, {**force, "AutoLockManagers": True, "Spec": spec}, "vm", {}))
    cluster, node = require_swarm(world.view), world.view.node
    assert (cluster.id, node and node.address) == (before.id, "192.0.2.9")
    assert cluster.spec == {**before.spec, **spec, "EncryptionConfig": {"AutoLockManagers": True}}
    assert cluster.unlock_key.startswith("SWMKEY-1-")
    assert service.id in world.view.services
    world.run(swarm.init(world.store, force, "vm", {}))
    after = require_swarm(world.view)
    assert (after.spec, after.unlock_key) == (cluster.spec, cluster.unlock_key), "nothing was asked for"
    bad = {**force, "Spec": {"Name": "x"}}
    world.refuses(lambda store: swarm.init(store, bad, "vm", {}), 400, 'swarm spec must be named "default"')


@pytest.mark.parametrize(
    ("interfaces", "address"),
    [
        ({}, "127.0.0.1"),
        ({"lo": "127.0.0.1", "eth0": "192.0.2.7"}, "192.0.2.7"),
        ({"eth0": "192.0.2.7", "eth1": "192.0.2.8"}, "127.0.0.1"),
    ],
)
def test_the_advertised_address_where_none_is_given(interfaces: dict[str, str], address: str) -> None:
    world = World(swarmed=False)
    world.run(swarm.init(world.store, {"ListenAddr": "0.0.0.0:2377"}, "vm", {}, interfaces))
    assert world.view.node is not None
    assert world.view.node.address == address


def test_join_is_refused() -> None:
    world = World(swarmed=False)
    token = swarm.tokens(World().view)["Worker"]
    for body, status, text in (
        ({}, 400, 'invalid ListenAddr "": invalid empty address'),
        (INIT, 400, "at least 1 RemoteAddr is required to join"),
        ({**INIT, "RemoteAddrs": [""]}, 400, 'invalid remoteAddr "": invalid empty address'),
        ({**INIT, "RemoteAddrs": ["192.0.2.1:2377"], "JoinToken": "x"}, 500, "invalid join token"),
        ({**INIT, "RemoteAddrs": ["192.0.2.1:2377"], "JoinToken": token}, 501, swarm.NO_JOIN),
    ):
        world.refuses(partial(swarm.join, body=body), status, text)
    World().refuses(lambda store: swarm.join(store, {}), 503, ALREADY)


def change(
    store: Store,
    version: str | None,
    body: Raw,
    worker: bool = False,
    chief: bool = False,
    unlocking: bool = False,
) -> Any:
    return swarm.update(store, version, body, worker, chief, unlocking)


def test_an_update_replaces_the_whole_spec() -> None:
    world = World()
    before = require_swarm(world.view)
    world.run(change(world.store, str(before.version), {"Labels": {"a": "b"}}))
    after = require_swarm(world.view)
    assert after.spec == {**swarm.ZEROS, "Labels": {"a": "b"}}
    assert (after.worker_token, after.ca_cert) == (before.worker_token, before.ca_cert)


def test_bad_updates() -> None:
    world = World()
    now = str(require_swarm(world.view).version)
    parse = "strconv.ParseUint: parsing"
    for version, body, status, text in (
        (None, {}, 400, f"invalid swarm version '': {parse} \"\": invalid syntax"),
        ("x", {}, 400, f"invalid swarm version 'x': {parse} \"x\": invalid syntax"),
        ("0", {"Name": "x"}, 400, 'swarm spec must be named "default"'),
        ("0", {}, 500, "rpc error: code = Unknown desc = update out of sequence"),
        (
            now,
            {"CAConfig": {"NodeCertExpiry": 5}},
            400,
            invalid("minimum certificate expiry time is: 1h0m0s"),
        ),
        (
            now,
            {"Dispatcher": {"HeartbeatPeriod": -5}},
            400,
            invalid("heartbeat time period cannot be a negative duration"),
        ),
    ):
        world.refuses(partial(change, version=version, body=body), status, text)


def test_tokens_and_the_authority_rotate() -> None:
    world = World()
    before = require_swarm(world.view)
    world.run(change(world.store, str(before.version), before.spec, worker=True))
    middle = require_swarm(world.view)
    assert middle.worker_token != before.worker_token
    assert middle.manager_token == before.manager_token
    rotated = {**before.spec, "CAConfig": {**before.spec["CAConfig"], "ForceRotate": 1}}
    world.run(change(world.store, str(middle.version), rotated))
    after = require_swarm(world.view)
    assert after.ca_cert != before.ca_cert
    assert after.worker_token[:59] != before.worker_token[:59]
    world.run(change(world.store, str(after.version), rotated))
    assert require_swarm(world.view).ca_cert == after.ca_cert


def rotation(certificate: str = "", key: str = "", times: int = 1) -> Raw:
    config = {"ForceRotate": times, "SigningCACert": certificate, "SigningCAKey": key}
    return {"CAConfig": {name: value for name, value in config.items() if value}}


def test_an_authority_that_the_user_brings() -> None:
    world, (certificate, key) = World(), authority("mine")
    before = require_swarm(world.view)
    world.run(change(world.store, str(before.version), rotation(certificate, key)))
    after = require_swarm(world.view)
    assert after.ca_cert == certificate
    assert after.spec["CAConfig"] == {"ForceRotate": 1}
    assert after.worker_token[:59] != before.worker_token[:59]
    kept, given = load_der_private_key(after.ca_key, None), load_pem_private_key(key.encode(), None)
    assert kept.public_key() == given.public_key()
    assert tls_info(after.ca_cert)["TrustRoot"] == certificate
    for config in (rotation(certificate, key), rotation("nonsense")):  # nothing to do
        world.run(change(world.store, str(require_swarm(world.view).version), config))
        assert require_swarm(world.view).worker_token == after.worker_token
    second = authority("second")
    world.run(change(world.store, str(require_swarm(world.view).version), rotation(*second)))
    assert require_swarm(world.view).ca_cert == second[0]


def test_bad_authorities() -> None:
    world, (certificate, key) = World(), authority("mine")
    now = str(require_swarm(world.view).version)
    missing = "if a signing CA key is provided, the signing CA cert must also be provided"
    malformed = 'malformed private key: {"code":2002,"message":"Failed to decode private key"}'
    external = (
        "there must be at least one valid, reachable external CA corresponding to the desired CA certificate"
    )
    several = "the desired CA certificate cannot contain multiple certificates"
    for cert, private, text in (
        ("", key, missing),
        ("x", key, missing),
        (certificate, "", external),
        (certificate, "x", malformed),
        (certificate, authority("other")[1], "certificate key mismatch"),
        (certificate + authority("other")[0], key, several),
        (*authority("brief", days=300), "CA certificate expires too soon"),
    ):
        body = rotation(cert, private)
        world.refuses(partial(change, version=now, body=body), 400, invalid(text))
    leaf = rotation(*authority("leaf", ca=False))
    text = "unable to generate a cross-signed certificate for root rotation"
    world.refuses(partial(change, version=now, body=leaf), 500, f"rpc error: code = Internal desc = {text}")


def outside(protocol: str) -> Raw:
    return {"ExternalCAs": [{"Protocol": protocol, "URL": "https://192.0.2.1/", "CACert": ""}]}


@pytest.mark.parametrize("protocol", ["bogus", ""])
def test_the_protocol_of_an_external_authority(protocol: str) -> None:
    world = World()
    now = str(require_swarm(world.view).version)
    config: Raw = {"CAConfig": outside(protocol)}
    text = f'invalid protocol: "{protocol}"'
    world.refuses(partial(change, version=now, body=config), 400, text)
    refuses_init({"Spec": config}, 500, f"error updating cluster settings: {text}")


def test_an_external_authority_is_kept_and_shown_but_cannot_be_the_root() -> None:
    world = World()
    before = require_swarm(world.view)
    world.run(change(world.store, str(before.version), {"CAConfig": outside("CFSSL")}))
    after = require_swarm(world.view)
    shown = [{"Protocol": "cfssl", "URL": "https://192.0.2.1/", "CACert": ""}]
    assert after.spec["CAConfig"]["ExternalCAs"] == shown
    assert after.ca_cert == before.ca_cert
    certificate, _ = authority("mine")
    rotation: Raw = {"CAConfig": {**outside("cfssl"), "SigningCACert": certificate}}
    version = str(after.version)
    world.refuses(partial(change, version=version, body=rotation), 501, swarm.NO_EXTERNAL_ROOT)


def test_leave_needs_force_and_keeps_what_still_stands() -> None:
    world = World()
    world.refuses(lambda store: swarm.leave(store, False), 503, swarm.LAST_MANAGER)
    network = world.network("net")
    world.config()
    world.secret()
    service = world.service(task={"Networks": [{"Target": "net"}]})
    task = world.task(service)
    gone = world.service("gone")
    orphan = world.task(gone)
    world.run(services.remove(world.store, "gone"))
    world.run(swarm.leave(world.store, True))
    view = world.view
    assert not any([view.clusters, view.nodes, view.services, view.configs, view.secrets])
    assert not any([view.revisions, view.decisions])
    assert {one.desired for one in view.tasks.values()} == {TaskState.REMOVE}
    assert set(view.tasks) == {task.id, orphan.id}
    assert view.networks[network].removed
    world.refuses(lambda store: swarm.leave(store, True), 503, "This node is not part of a swarm")
    with pytest.raises(SkerryError):
        swarm.tokens(view)


def test_a_new_swarm_while_the_old_ones_bridges_stand_takes_other_subnets() -> None:
    world = World()
    world.run(swarm.leave(world.store, True))
    world.run(swarm.init(world.store, INIT, "vm", {}))
    assert {one.subnet for one in world.view.networks.values()} == {"10.0.0.0/24", "10.0.1.0/24", ""}


def test_node_updates() -> None:
    world = World()
    node = world.view.node
    assert node is not None
    body: Raw = {"Role": "Manager", "Availability": "drain", "Labels": {"a": "b"}}
    for ref, version, sent, status, text in (
        ("vm", "", {}, 400, "invalid node version '': strconv.ParseUint: parsing \"\": invalid syntax"),
        ("zz", "1", {"Role": "zz"}, 400, 'invalid Role: "zz"'),
        ("zz", "1", {"Role": "manager"}, 400, 'invalid Availability: ""'),
        ("zz", "1", body, 404, "node zz not found"),
        (
            "vm",
            "0",
            {**body, "Role": "worker"},
            400,
            "rpc error: code = FailedPrecondition desc = attempting to demote the last manager of the swarm",
        ),
        ("vm", "0", body, 500, "rpc error: code = Unknown desc = update out of sequence"),
    ):
        world.refuses(partial(nodes.update, ref=ref, version=version, body=sent), status, text)
    world.run(nodes.update(world.store, "vm", str(node.version), body))
    found = nodes.find(world.view, node.id[:10])
    assert found.spec == {"Role": "manager", "Availability": "drain", "Labels": {"a": "b"}}


@pytest.mark.parametrize("force", [False, True])
def test_the_only_node_cannot_be_removed(force: bool) -> None:
    world = World()
    text = (
        f"rpc error: code = FailedPrecondition desc = node {world.node_id} is a cluster manager and is a "
        "member of the raft cluster. It must be demoted to worker before removal"
    )
    world.refuses(lambda store: nodes.remove(store, "vm", force), 400, text)
    world.refuses(lambda store: nodes.remove(store, "self", force), 404, "node self not found")


def test_tasks_are_found_by_id_full_name_and_prefix() -> None:
    world = World()
    task = world.task(world.service())
    assert tasks.find(world.view, task.id) is task
    assert tasks.find(world.view, f"app.1.{task.id}") is task
    with pytest.raises(SkerryError, match=r"^task app\.1 not found$"):
        tasks.find(world.view, "app.1")
