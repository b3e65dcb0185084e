"""The specs of services and tasks, each field declared once (`skerry.model.declare`).

Durations are integer nanoseconds, CPUs are billionths, memory is bytes. A field that is absent has the value
here that Swarm's orchestrator takes for it (`skerry.model.defaults`), so absent and zero stay different in
the JSON and mean what they mean here. Source: moby `api/types/swarm`.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from skerry.model import defaults
from skerry.model.declare import Declared, Go, Int64, Mode, Uint64, go

Labels = Annotated[dict[str, str], Go("map[string]string")]


class Annotations(Declared, frozen=True):
    """What every object of a swarm has; Go embeds it."""

    name: str = ""
    labels: Labels = {}


@go("container.HealthConfig")
class Healthcheck(Declared, frozen=True):
    """`Test` is `[]` (inherit), `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", line]`; zero means default."""

    test: list[str] = []
    interval: Annotated[int, Go("time.Duration?", compose="interval")] = 0
    timeout: Annotated[int, Go("time.Duration?", compose="timeout")] = 0
    start_period: Annotated[int, Go("time.Duration?", compose="start_period")] = 0
    start_interval: Annotated[int, Go("time.Duration?", since=(1, 44), compose="start_interval")] = 0
    retries: Annotated[int, Go("int?", compose="retries")] = 0


@go("swarm.SecretReferenceFileTarget")
class FileTarget(Declared, frozen=True):
    """Where a secret appears in the container."""

    name: Annotated[str, Go("string")] = ""
    uid: Annotated[str, Go("string")] = "0"
    gid: Annotated[str, Go("string")] = "0"
    mode: Mode = 0o444


@go("swarm.ConfigReferenceFileTarget")
class ConfigTarget(FileTarget, frozen=True):
    """Where a config appears in the container."""


@go("swarm.SecretReference")
class SecretReference(Declared, frozen=True):
    """A secret that a task gets."""

    file: FileTarget | None = None
    secret_id: Annotated[str, Go("string")] = ""
    secret_name: Annotated[str, Go("string")] = ""


@go("swarm.ConfigReferenceRuntimeTarget")
class RuntimeTarget(Declared, frozen=True):
    """A config that no file is made of: a credential spec."""


@go("swarm.ConfigReference")
class ConfigReference(Declared, frozen=True):
    """A config that a task gets."""

    file: ConfigTarget | None = None
    runtime: Annotated[RuntimeTarget | None, Go(since=(1, 40))] = None
    config_id: Annotated[str, Go("string")] = ""
    config_name: Annotated[str, Go("string")] = ""


@go("swarm.DNSConfig")
class DNSConfig(Declared, frozen=True):
    """A service's own resolver settings."""

    nameservers: Annotated[list[str], Go(compose="dns")] = []
    search: Annotated[list[str], Go(compose="dns_search")] = []
    options: list[str] = []


@go("swarm.CredentialSpec")
class CredentialSpec(Declared, frozen=True):
    """Of a managed account (Windows): one of the three."""

    config: Annotated[str, Go("string!", since=(1, 40))] = ""
    file: Annotated[str, Go("string!")] = ""
    registry: Annotated[str, Go("string!")] = ""


@go("swarm.SELinuxContext")
class SELinuxContext(Declared, frozen=True):
    """The SELinux labels of a container."""

    disable: Annotated[bool, Go("bool!")] = False
    user: Annotated[str, Go("string!")] = ""
    role: Annotated[str, Go("string!")] = ""
    type: Annotated[str, Go("string!")] = ""
    level: Annotated[str, Go("string!")] = ""


@go("swarm.SeccompOpts")
class Seccomp(Declared, frozen=True):
    """`Mode` default, unconfined or custom; `Profile` is in base64."""

    mode: Annotated[str, Go("swarm.SeccompMode?")] = ""
    profile: Annotated[str, Go("[]uint8?")] = ""


@go("swarm.AppArmorOpts")
class AppArmor(Declared, frozen=True):
    """`Mode` default or disabled."""

    mode: Annotated[str, Go("swarm.AppArmorMode?")] = ""


@go("swarm.Privileges")
class Privileges(Declared, frozen=True):
    """What a container may do beyond, or less than, the usual."""

    credential_spec: CredentialSpec | None = None
    selinux_context: SELinuxContext | None = None
    seccomp: Annotated[Seccomp | None, Go(since=(1, 44))] = None
    app_armor: Annotated[AppArmor | None, Go(since=(1, 44))] = None
    no_new_privileges: Annotated[bool, Go("bool", since=(1, 44))] = False


@go("mount.BindOptions")
class BindOptions(Declared, frozen=True):
    """Of a mount of a path of this machine."""

    propagation: Annotated[str, Go("mount.Propagation?")] = ""
    non_recursive: bool = False
    create_mountpoint: Annotated[bool, Go(since=(1, 42), of_any_client=True)] = False
    read_only_non_recursive: Annotated[bool, Go(since=(1, 44), of_any_client=True)] = False
    read_only_force_recursive: Annotated[bool, Go(since=(1, 44), of_any_client=True)] = False


@go("mount.Driver")
class VolumeDriver(Declared, frozen=True):
    """Who makes a volume."""

    name: str = ""
    options: dict[str, str] = {}


@go("mount.VolumeOptions")
class VolumeOptions(Declared, frozen=True):
    """Of a mount of a volume."""

    no_copy: bool = False
    labels: dict[str, str] = {}
    subpath: Annotated[str, Go(since=(1, 45), of_any_client=True)] = ""
    driver_config: VolumeDriver | None = None


@go("mount.TmpfsOptions")
class TmpfsOptions(Declared, frozen=True):
    """Of a mount of memory."""

    size_bytes: Int64 = 0
    mode: Annotated[int, Go("fs.FileMode?")] = 0
    options: Annotated[list[list[str]], Go(since=(1, 46))] = []


@go("mount.ImageOptions")
class ImageOptions(Declared, frozen=True):
    """Of a mount of an image."""

    subpath: str = ""


@go("mount.ClusterOptions")
class ClusterOptions(Declared, frozen=True):
    """Of a mount of a cluster volume."""


@go("mount.Mount")
class Mount(Declared, frozen=True):
    """Something at a path of the container."""

    type: Annotated[str, Go("mount.Type?", compose="type")] = ""
    source: Annotated[str, Go(compose="source")] = ""
    target: Annotated[str, Go(compose="target")] = ""
    read_only: Annotated[bool, Go(compose="read_only")] = False
    consistency: Annotated[str, Go("mount.Consistency?")] = ""
    bind_options: BindOptions | None = None
    volume_options: VolumeOptions = VolumeOptions()
    tmpfs_options: TmpfsOptions | None = None
    image_options: Annotated[ImageOptions | None, Go(since=(1, 48), of_any_client=True)] = None
    cluster_options: Annotated[ClusterOptions | None, Go(since=(1, 42), of_any_client=True)] = None


@go("units.Ulimit")
class Ulimit(Declared, frozen=True):
    """A limit of the kernel's for the processes of a container."""

    name: Annotated[str, Go("string!")] = ""
    hard: Annotated[int, Go("int64!")] = 0
    soft: Annotated[int, Go("int64!")] = 0


CONTENT = "skerry.content"
"""Where a container spec keeps the ID of an image that only this node has; never on the wire."""


@go("swarm.ContainerSpec")
class ContainerSpec(Declared, frozen=True):
    """What to run."""

    image: Annotated[str, Go(container="Image", compose="image")] = ""
    content: str = field(default="", name=CONTENT)
    labels: dict[str, str] = {}
    command: Annotated[list[str], Go(container="Entrypoint", compose="entrypoint")] = []
    args: Annotated[list[str], Go(container="Cmd", compose="command")] = []
    hostname: Annotated[str, Go(container="Hostname", compose="hostname")] = ""
    env: Annotated[list[str], Go(container="Env")] = []
    dir: Annotated[str, Go(container="WorkingDir", compose="working_dir")] = ""
    user: Annotated[str, Go(container="User", compose="user")] = ""
    groups: Annotated[list[str], Go(container="HostConfig.GroupAdd")] = []
    privileges: Privileges = Privileges()
    init: Annotated[bool | None, Go(container="HostConfig.Init", compose="init")] = None
    stop_signal: Annotated[str, Go(container="StopSignal", compose="stop_signal")] = ""
    tty: Annotated[bool, Go(container="Tty", compose="tty")] = False
    open_stdin: Annotated[bool, Go(container="OpenStdin", compose="stdin_open")] = False
    read_only: Annotated[bool, Go(container="HostConfig.ReadonlyRootfs", compose="read_only")] = False
    mounts: list[Mount] = []
    stop_grace_period: Annotated[int, Go("time.Duration", compose="stop_grace_period")] = (
        defaults.STOP_GRACE_PERIOD
    )
    healthcheck: Healthcheck = Healthcheck()
    hosts: list[str] = []
    dns_config: DNSConfig = DNSConfig()
    secrets: Annotated[list[SecretReference], Go("[]*swarm.SecretReference?")] = []
    configs: Annotated[list[ConfigReference], Go("[]*swarm.ConfigReference?")] = []
    isolation: Annotated[str, Go("container.Isolation?", compose="isolation")] = ""
    sysctls: Annotated[
        dict[str, str], Go(since=(1, 40), container="HostConfig.Sysctls", compose="sysctls")
    ] = {}
    capability_add: Annotated[
        list[str], Go(since=(1, 41), container="HostConfig.CapAdd", compose="cap_add")
    ] = []
    capability_drop: Annotated[
        list[str], Go(since=(1, 41), container="HostConfig.CapDrop", compose="cap_drop")
    ] = []
    ulimits: Annotated[list[Ulimit], Go("[]*units.Ulimit?", (1, 41), container="HostConfig.Ulimits")] = []
    oom_score_adj: Annotated[int, Go("int64?", since=(1, 46), container="HostConfig.OomScoreAdj")] = 0


@go("swarm.Limit")
class Limit(Declared, frozen=True):
    """What a container may use at most."""

    nano_cpus: Annotated[int, Go("int64?", container="HostConfig.NanoCpus")] = 0
    memory_bytes: Annotated[int, Go("int64?", container="HostConfig.Memory")] = 0
    pids: Annotated[int, Go("int64?", since=(1, 41), container="HostConfig.PidsLimit", compose="pids")] = 0


@go("swarm.NamedGenericResource")
class NamedResource(Declared, frozen=True):
    """One of a kind, by its name."""

    kind: str = ""
    value: str = ""


@go("swarm.DiscreteGenericResource")
class DiscreteResource(Declared, frozen=True):
    """So many of a kind."""

    kind: str = ""
    value: Int64 = 0


@go("swarm.GenericResource")
class GenericResource(Declared, frozen=True):
    """A resource that the user has named."""

    named_resource_spec: NamedResource | None = None
    discrete_resource_spec: DiscreteResource | None = None


@go("swarm.Resources")
class Reservations(Declared, frozen=True):
    """What a task needs to be placed."""

    nano_cpus: Int64 = 0
    memory_bytes: Int64 = 0
    generic_resources: list[GenericResource] = []


@go("swarm.ResourceRequirements")
class Resources(Declared, frozen=True):
    """Limits reach the container; reservations only count when a task is placed."""

    limits: Limit | None = None
    reservations: Reservations = Reservations()
    swap_bytes: Annotated[int | None, Go("int64", since=(1, 52))] = None
    memory_swappiness: Annotated[
        int | None, Go("int64", since=(1, 52), container="HostConfig.MemorySwappiness")
    ] = None


@go("swarm.RestartPolicy")
class RestartPolicy(Declared, frozen=True):
    """When a task that ended is replaced."""

    condition: Annotated[str, Go("swarm.RestartPolicyCondition?", compose="condition")] = (
        defaults.RESTART_CONDITION
    )
    delay: Annotated[int, Go("time.Duration", compose="delay")] = defaults.RESTART_DELAY
    max_attempts: Annotated[int, Go("uint64", compose="max_attempts")] = 0
    window: Annotated[int, Go("time.Duration", compose="window")] = 0


@go("swarm.SpreadOver")
class SpreadOver(Declared, frozen=True):
    """Spread over the values of a label."""

    spread_descriptor: Annotated[str, Go("string")] = ""


@go("swarm.PlacementPreference")
class PlacementPreference(Declared, frozen=True):
    """What a scheduler prefers; one node is all there is."""

    spread: SpreadOver | None = None


@go("swarm.Platform")
class Platform(Declared, frozen=True):
    """What an image runs on."""

    architecture: str = ""
    os: str = ""


@go("swarm.Placement")
class Placement(Declared, frozen=True):
    """Where tasks may run."""

    constraints: Annotated[list[str], Go(compose="constraints")] = []
    preferences: list[PlacementPreference] = []
    max_replicas: Annotated[int, Go("uint64?", since=(1, 40), compose="max_replicas_per_node")] = 0
    platforms: list[Platform] = []


@go("swarm.NetworkAttachmentConfig")
class NetworkAttachmentConfig(Declared, frozen=True):
    """A network to join; `Target` is its ID."""

    target: str = ""
    aliases: list[str] = []
    driver_opts: dict[str, str] = {}


@go("swarm.Driver")
class Driver(Declared, frozen=True):
    """A driver with its options: of logs, of templates."""

    name: str = ""
    options: dict[str, str] = {}


@go("runtime.PluginSpec")
class PluginSpec(Declared, frozen=True):
    """A plugin instead of a container: refused."""


@go("swarm.TaskSpec")
class TaskTemplate(Declared, frozen=True):
    """What a task is made from."""

    container_spec: ContainerSpec = ContainerSpec()
    plugin_spec: PluginSpec | None = None
    resources: Resources = Resources()
    restart_policy: RestartPolicy = RestartPolicy()
    placement: Placement = Placement()
    networks: list[NetworkAttachmentConfig] = []
    log_driver: Driver | None = None
    force_update: Uint64 = 0
    runtime: Annotated[str, Go("swarm.RuntimeType?")] = "container"


@go("swarm.ReplicatedService")
class Replicated(Declared, frozen=True):
    """So many replicas."""

    replicas: Uint64 = 1


@go("swarm.GlobalService")
class GlobalService(Declared, frozen=True):
    """One task on each node."""


@go("swarm.ReplicatedJob")
class ReplicatedJob(Declared, frozen=True):
    """So many completions (as many as are concurrent, where nothing is said), so many tasks at once."""

    max_concurrent: Uint64 = 1
    total_completions: Annotated[int | None, Go("uint64")] = None


@go("swarm.GlobalJob")
class GlobalJob(Declared, frozen=True):
    """One completion on each node."""


@go("swarm.ServiceMode")
class ServiceMode(Declared, frozen=True):
    """Exactly one is set."""

    replicated: Replicated | None = None
    global_: GlobalService | None = None
    replicated_job: Annotated[ReplicatedJob | None, Go(since=(1, 41))] = None
    global_job: Annotated[GlobalJob | None, Go(since=(1, 41))] = None

    @property
    def kind(self) -> str:
        """Which one is: `replicated`, `global`, `replicated-job` or `global-job`, as filters call it."""
        for kind in ("global_", "replicated_job", "global_job"):
            if getattr(self, kind) is not None:
                return kind.rstrip("_").replace("_", "-")
        return "replicated"

    @property
    def is_job(self) -> bool:
        """Whether tasks run to completion instead of for ever."""
        return self.replicated_job is not None or self.global_job is not None

    @property
    def is_global(self) -> bool:
        """Whether there is one task a node."""
        return self.global_ is not None or self.global_job is not None


@go("swarm.UpdateConfig")
class UpdateConfig(Declared, frozen=True):
    """How an update (or a rollback) rolls. Parallelism 0 means all at once."""

    parallelism: Annotated[int, Go("uint64", compose="parallelism")] = 0
    delay: Annotated[int, Go("time.Duration?", compose="delay")] = 0
    failure_action: Annotated[str, Go(compose="failure_action")] = defaults.FAILURE_ACTION
    monitor: Annotated[int, Go("time.Duration?", compose="monitor")] = defaults.MONITOR
    max_failure_ratio: Annotated[float, Go("float32", compose="max_failure_ratio")] = 0.0
    order: Annotated[str, Go("string", compose="order")] = defaults.UPDATE_ORDER


@go("swarm.PortConfig")
class PortConfig(Declared, frozen=True):
    """A port to publish; `PublishedPort` 0 lets the allocator choose."""

    name: str = ""
    protocol: Annotated[str, Go("swarm.PortConfigProtocol?", compose="protocol")] = "tcp"
    target_port: Annotated[int, Go("uint32?", compose="target")] = 0
    published_port: Annotated[int, Go("uint32?", compose="published")] = 0
    publish_mode: Annotated[str, Go("swarm.PortConfigPublishMode?", compose="mode")] = "ingress"


@go("swarm.EndpointSpec")
class EndpointSpec(Declared, frozen=True):
    """`Mode` vip or dnsrr."""

    mode: Annotated[str, Go("swarm.ResolutionMode?")] = "vip"
    ports: list[PortConfig] = []


@go("swarm.ServiceSpec")
class ServiceSpec(Annotations, frozen=True):
    """A whole service."""

    task_template: TaskTemplate = TaskTemplate()
    mode: ServiceMode = ServiceMode()
    update_config: UpdateConfig | None = None
    rollback_config: UpdateConfig | None = None
    networks: list[NetworkAttachmentConfig] = []
    endpoint_spec: EndpointSpec = EndpointSpec()
