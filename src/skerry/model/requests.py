"""The bodies of all other requests: nodes, networks, configs, secrets, and the swarm itself."""

from __future__ import annotations

from typing import Annotated

from skerry.model.declare import Declared, Duration, Go, go
from skerry.model.specs import Annotations, Driver, Labels, ServiceSpec

Text = Annotated[str, Go("string")]
Flag = Annotated[bool, Go("bool")]
Bytes = Annotated[str, Go("[]uint8?")]
"""In base64."""


@go("swarm.ConfigSpec")
class ConfigSpec(Annotations, frozen=True):
    """A config."""

    data: Bytes = ""
    templating: Driver | None = None


@go("swarm.SecretSpec")
class SecretSpec(Annotations, frozen=True):
    """A secret."""

    data: Bytes = ""
    driver: Driver | None = None
    templating: Driver | None = None


@go("swarm.NodeSpec")
class NodeSpec(Annotations, frozen=True):
    """What a user says of a node."""

    role: Annotated[str, Go("swarm.NodeRole?")] = "manager"
    availability: Annotated[str, Go("swarm.NodeAvailability?")] = "active"


@go("swarm.OrchestrationConfig")
class OrchestrationConfig(Declared, frozen=True):
    """How many old tasks are kept."""

    task_history_retention_limit: Annotated[int | None, Go("int64")] = None


@go("swarm.RaftConfig")
class RaftConfig(Declared, frozen=True):
    """Of the managers' consensus: taken and shown, as one node has none."""

    snapshot_interval: Annotated[int, Go("uint64?")] = 0
    keep_old_snapshots: Annotated[int, Go("uint64")] = 0
    log_entries_for_slow_followers: Annotated[int, Go("uint64?")] = 0
    election_tick: Annotated[int, Go("int")] = 0
    heartbeat_tick: Annotated[int, Go("int")] = 0


@go("swarm.DispatcherConfig")
class DispatcherConfig(Declared, frozen=True):
    """How often agents are heard of."""

    heartbeat_period: Duration = 0


@go("swarm.ExternalCA")
class ExternalCA(Declared, frozen=True):
    """Another authority for certificates."""

    protocol: Annotated[str, Go("swarm.ExternalCAProtocol!")] = ""
    url: Annotated[str, Go("string!")] = ""
    options: dict[str, str] = {}
    ca_cert: Annotated[str, Go("string!")] = ""


@go("swarm.CAConfig")
class CAConfig(Declared, frozen=True):
    """The authority for the nodes' certificates."""

    node_cert_expiry: Duration = 0
    external_cas: Annotated[list[ExternalCA], Go("[]*swarm.ExternalCA?")] = []
    signing_ca_cert: str = ""
    signing_ca_key: str = ""
    force_rotate: Annotated[int, Go("uint64?")] = 0


@go("swarm.TaskDefaults")
class TaskDefaults(Declared, frozen=True):
    """What holds where a task template says nothing."""

    log_driver: Driver | None = None


@go("swarm.EncryptionConfig")
class EncryptionConfig(Declared, frozen=True):
    """Whether a manager has to be unlocked after its start."""

    auto_lock_managers: Flag = False


@go("swarm.Spec")
class SwarmSpec(Annotations, frozen=True):
    """The swarm itself."""

    orchestration: OrchestrationConfig = OrchestrationConfig()
    raft: RaftConfig = RaftConfig()
    dispatcher: DispatcherConfig = DispatcherConfig()
    ca_config: CAConfig = CAConfig()
    task_defaults: TaskDefaults = TaskDefaults()
    encryption_config: EncryptionConfig = EncryptionConfig()


@go("swarm.InitRequest")
class InitRequest(Declared, frozen=True):
    """`docker swarm init`."""

    listen_addr: Text = ""
    advertise_addr: Text = ""
    data_path_addr: Text = ""
    data_path_port: Annotated[int, Go("uint32", since=(1, 40))] = 0
    force_new_cluster: Flag = False
    spec: SwarmSpec = SwarmSpec()
    auto_lock_managers: Flag = False
    availability: Annotated[str, Go("swarm.NodeAvailability")] = ""
    default_addr_pool: Annotated[list[str], Go("[]string", since=(1, 39))] = []
    subnet_size: Annotated[int, Go("uint32", since=(1, 39))] = 0


@go("swarm.JoinRequest")
class JoinRequest(Declared, frozen=True):
    """`docker swarm join`."""

    listen_addr: Text = ""
    advertise_addr: Text = ""
    data_path_addr: Text = ""
    remote_addrs: Annotated[list[str], Go("[]string")] = []
    join_token: Text = ""
    availability: Annotated[str, Go("swarm.NodeAvailability")] = ""


@go("swarm.UnlockRequest")
class UnlockRequest(Declared, frozen=True):
    """`docker swarm unlock`."""

    unlock_key: Text = ""


@go("network.ConfigReference")
class NetworkReference(Declared, frozen=True):
    """A network that another has its settings from."""

    network: Text = ""


@go("network.IPAMConfig")
class IPAMConfig(Declared, frozen=True):
    """One subnet."""

    subnet: str = ""
    ip_range: str = ""
    gateway: str = ""
    auxiliary_addresses: Labels = {}


@go("network.IPAM")
class IPAM(Declared, frozen=True):
    """Where a network gets its addresses from."""

    driver: Text = ""
    options: Labels = {}
    config: Annotated[list[IPAMConfig], Go("[]network.IPAMConfig")] = []


@go("types.NetworkCreateRequest")
class NetworkSpec(Declared, frozen=True):
    """A network, as it is asked for."""

    name: Text = ""
    check_duplicate: Flag = False
    driver: Text = ""
    scope: Text = ""
    enable_ipv6: Flag = False
    ipam: IPAM = IPAM()
    internal: Flag = False
    attachable: Flag = False
    ingress: Flag = False
    config_only: Flag = False
    config_from: NetworkReference = NetworkReference()
    options: Labels = {}
    labels: Labels = {}


@go("skerry.Volume")
class VolumeSpec(Declared, frozen=True):
    """A named volume of a stack; the engine makes it for the first task that has it."""

    name: Text = ""
    driver: str = ""
    driver_opts: Labels = {}
    labels: Labels = {}


@go("skerry.Source")
class StackSource(Declared, frozen=True):
    """What a stack was made from: the compose file's text without secrets, and where it lay."""

    text: str = ""
    origin: str = ""


@go("skerry.Stack")
class StackSpec(Declared, frozen=True):
    """A whole stack, as one call deploys it."""

    services: list[ServiceSpec] = []
    networks: list[NetworkSpec] = []
    volumes: list[VolumeSpec] = []
    configs: list[ConfigSpec] = []
    secrets: list[SecretSpec] = []
    source: StackSource = StackSource()
    message: str = ""
