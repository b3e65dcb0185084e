"""The objects of the store, each a frozen value.

Times are integer nanoseconds since the epoch. The specs of services and tasks are values of two forms
(`model.spec`), others the JSON alone; never change one in place: build a new one.
"""

from __future__ import annotations

from msgspec import Struct, field

from skerry.model import defaults, mtu
from skerry.model.declare import Raw as Raw
from skerry.model.drain import DrainOutcome
from skerry.model.facts import Facts
from skerry.model.family import FOUR, SIX, Family
from skerry.model.files import Config, KeptConfig, KeptSecret, Secret
from skerry.model.releases import Outcome, Release, Stop
from skerry.model.spec import Spec
from skerry.model.specs import Driver, EndpointSpec, ServiceSpec, TaskTemplate
from skerry.model.states import TaskState

PREDEFINED_LABEL = "com.docker.swarm.predefined"
"""The label of the rows that stand for networks of the engine's own; no user may give it."""


_NO_ENDPOINT = EndpointSpec()


class Port(Struct, frozen=True):
    """A published port of a service, with the number that was chosen for it (0 while none is)."""

    target: int
    published: int = 0
    protocol: str = "tcp"
    mode: str = "ingress"
    name: str = ""

    @property
    def fault(self) -> str:
        """Why no machine can publish it, as a swarm takes any number; empty where one can."""
        for kind, number in (("target", self.target), ("published", self.published)):
            if not 1 <= number <= 65535:
                return f"{kind} port {number} is not between 1 and 65535"
        return ""


class VirtualIP(Struct, frozen=True):
    """The address that stands for a service on one network, e.g. `10.0.1.130`, without prefix length."""

    network_id: str
    address: str


class Endpoint(Struct, frozen=True):
    """What the allocator gave a service.

    `spec` is the endpoint spec that it was allocated for. A VIP is reserved on each network even for a
    dnsrr service, which does not show it: connections are held behind it while nothing is ready.
    """

    spec: Raw = {}
    ports: tuple[Port, ...] = ()
    vips: tuple[VirtualIP, ...] = ()


class UpdateStatus(Struct, frozen=True):
    """How the update of a service goes; `state` is a word of Docker's `UpdateStatus.State`."""

    state: str
    message: str
    started_at: int
    completed_at: int | None = None
    total: int = 0
    """How many slots were dirty when it began: the denominator of the failure ratio."""
    failed_task: str = ""
    """The task for which it was paused or turned back; empty where it was not."""
    turned: str = ""
    """Why it was, in words: the message of the moment, which a later one replaces."""


class Service(Struct, frozen=True):
    """A service as it is now; what it was before is kept as `Revision`s."""

    id: str
    name: str
    spec: Spec[ServiceSpec]
    version: int = 0
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1
    """The number of the revision that `spec` is."""
    spec_version: int = 0
    """The index at which the spec was last written: tasks that carry it are what the service asks for."""
    endpoint: Endpoint = Endpoint()
    update: UpdateStatus | None = None
    registry_auth: str = ""
    """The X-Registry-Auth that images are pulled with: never in an answer, encrypted on disk."""
    job_iteration: int = 0
    """Jobs: how often the spec was updated; each time is a run of its own."""
    last_execution: int = 0
    """Jobs: when this iteration began (ns)."""
    stopped: Stop | None = None
    """Where it is stopped: nothing of it runs until it is started."""
    started_at: int = 0
    """When it was last started after a stop (ns): tasks that ended before count as tries no more."""
    settles_at: int = 0
    """Before this instant its tasks stay what they were, and what is written joins the revision (ns): more of
    a deployment by several calls may follow."""

    @property
    def is_job(self) -> bool:
        """Whether its tasks run to completion instead of for ever."""
        return self.spec.typed.mode.is_job


class Revision(Struct, frozen=True):
    """One spec that a service has, or had. `id` is `SERVICE.NUMBER`.

    Numbers rise with every update that changes the spec. Revisions form a tree by `parent` (0: none): a
    rollback goes to the parent, the next update branches off there.
    """

    id: str
    service_id: str
    number: int
    spec: Spec[ServiceSpec]
    """Read with types when a rollback goes there: most never are."""
    spec_version: int
    parent: int = 0
    registry_auth: str = ""
    by: str = ""
    """Who asked for it, where that is known."""
    restores: int = 0
    """The revision whose content it has, where it was made by going back to one; else 0."""
    outcome: Outcome = Outcome("")
    """How it goes, or ended; without a state where nobody has written that down."""
    version: int = 0
    created_at: int = 0
    updated_at: int = 0


class Note(Struct, frozen=True):
    """One decision in words. `until` is the instant that it waits for, of a wait of `of` in all (ns)."""

    text: str
    at: int = 0
    until: int = 0
    of: int = 0


class Decision(Struct, frozen=True):
    """What was decided about a service, the latest last. `id` is the service's."""

    id: str
    notes: tuple[Note, ...] = ()
    version: int = 0
    created_at: int = 0
    updated_at: int = 0


class Attachment(Struct, frozen=True):
    """A task's place on one network.

    `address` is where its container is reached at this moment: empty before it runs, and while it is not on
    the network. `reserved` is what the allocator gave the task, which the engine is told, and what nobody
    else gets before the task is over.
    """

    network_id: str
    address: str = ""
    reserved: str = ""
    six: str = ""
    """The same over IPv6, where the network has it."""
    reserved_six: str = ""

    def at(self, family: Family) -> str:
        """Where its container is reached over a family."""
        return self.address if family is FOUR else self.six

    def given(self, family: Family) -> str:
        """What the allocator gave it of a family."""
        return self.reserved if family is FOUR else self.reserved_six

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where its container is reached, IPv4 first."""
        return tuple(filter(None, (self.address, self.six)))

    @property
    def reservations(self) -> tuple[str, ...]:
        """What the allocator gave it."""
        return tuple(filter(None, (self.reserved, self.reserved_six)))


class TaskStatus(Struct, frozen=True):
    """What the agent (or, up to ASSIGNED, the orchestrator) observed; `at` is when."""

    state: TaskState
    at: int
    message: str
    err: str = ""
    container_id: str = ""
    pid: int = 0
    exit_code: int = 0
    unheard: bool = False
    """Whether it runs and nothing of it listens for TCP yet, so that it would refuse whoever comes."""
    drain: DrainOutcome | None = None
    """How its connections ended, where it was drained before it was stopped."""

    @property
    def words(self) -> str:
        """The message, and how many requests were in flight when the task was stopped, if any."""
        left_open = self.drain is not None and self.drain.open
        return f"{self.message}, {self.drain}" if left_open else self.message


class Task(Struct, frozen=True):
    """One try to run one container of a service; never restarted, only replaced."""

    id: str
    service_id: str
    service_name: str
    node_id: str
    spec: Spec[TaskTemplate]
    """The service's TaskTemplate when the task was made."""
    endpoint_spec: Spec[EndpointSpec] | None
    spec_version: int
    desired: TaskState
    status: TaskStatus
    slot: int = 0
    """From 1 for replicated services; 0 for global ones, whose place is the node."""
    labels: dict[str, str] = {}
    """The service's labels: `stack ps` filters by them."""
    version: int = 0
    created_at: int = 0
    updated_at: int = 0
    start_after: int = 0
    """Not to be raised from READY to RUNNING before this instant (a restart's delay)."""
    follows: str = ""
    """The task that must have stopped before this one may start; empty where none must."""
    update_started_at: int = 0
    """`started_at` of the update that made it: those are the ones whose failure counts."""
    running_at: int = 0
    """When it first was RUNNING, which is to say ready; 0 if it never was."""
    attachments: tuple[Attachment, ...] = ()
    ports: tuple[Port, ...] = ()
    """Its own numbers for ports of host mode for which the spec names none, in the spec's order."""
    registry_auth: str = ""
    """The service's when the task was made."""
    job_iteration: int | None = None
    """Jobs: the iteration that it belongs to."""
    evicted: str = ""
    """Why the node does not suit it any more, once it was told to go for that: it ends as REJECTED."""
    streak: int = 0
    """How many tasks before it in its slot failed one after another, none of them after running for long."""
    facts: Facts | None = None
    """What `skerry why` tells of it; None where nothing was written down."""

    @property
    def name(self) -> str:
        """`service.slot.id`, or `service.node.id` where there is no slot; the container's name too."""
        return f"{self.service_name}.{self.slot or self.node_id}.{self.id}"

    @property
    def short_name(self) -> str:
        """`web.2`, or `web` where there is one place only."""
        return f"{self.service_name}.{self.slot}" if self.slot else self.service_name

    @property
    def endpoint(self) -> EndpointSpec:
        """How the service was to be reached when the task was made."""
        return self.endpoint_spec.typed if self.endpoint_spec is not None else _NO_ENDPOINT

    @property
    def live(self) -> bool:
        """Whether the orchestrator wants it to run (now or, being READY, soon), for a job to its end."""
        return self.desired <= TaskState.COMPLETE

    @property
    def placed(self) -> bool:
        """Whether it takes up resources and ports of the node."""
        return TaskState.ASSIGNED <= self.status.state <= TaskState.RUNNING


class Node(Struct, frozen=True):
    """The one node. `reserved` are the published ports that the gate holds on this machine, e.g. `tcp/80`."""

    id: str
    hostname: str
    spec: Raw
    version: int = 0
    created_at: int = 0
    updated_at: int = 0
    address: str = "127.0.0.1"
    description: Raw = {}
    reserved: tuple[str, ...] = ()
    ports_err: dict[str, str] = {}
    """Why a port could not be reserved, by its key: `{"tcp/80": "address already in use"}`."""
    port_holders: dict[str, str] = {}
    """Who had it then, where that was to be seen: `{"tcp/80": "nginx (process 812)"}`."""

    @property
    def availability(self) -> str:
        """Whether it takes tasks: active, pause, drain."""
        return str(self.spec.get("Availability", "active"))

    @property
    def role(self) -> str:
        """Its part in the swarm."""
        return str(self.spec.get("Role", "manager"))

    @property
    def labels(self) -> dict[str, str]:
        """The user's labels."""
        return self.spec.get("Labels") or {}


class AddressPlan(Struct, frozen=True):
    """The subnet of a network, of one family, and who has which part of it; empty where there is none.

    `leg` is the gate's own address there: DNS and held connections.
    """

    subnet: str = ""
    ip_range: str = ""
    """The part of it that containers get their addresses from; empty: all of it."""
    gateway: str = ""
    auxiliary: dict[str, str] = {}
    """Addresses that the user keeps for something else, by the names that they gave them."""
    leg: str = ""


class Network(Struct, frozen=True):
    """A network of the swarm; an overlay network is made as a bridge network of the engine.

    Its own addresses are those of IPv4, as in `AddressPlan`.
    """

    id: str
    name: str
    spec: Raw
    """The body of the create call."""
    subnet: str = ""
    gateway: str = ""
    leg: str = ""
    version: int = 0
    created_at: int = 0
    updated_at: int = 0
    ingress: bool = False
    attachable: bool = False
    internal: bool = False
    removed: bool = False
    """Gone for the user; the bridge goes when the last container has left it."""
    ip_range: str = ""
    auxiliary: dict[str, str] = {}
    six: AddressPlan | None = None
    """Its addresses of IPv6, where it has any."""

    @property
    def plans(self) -> dict[Family, AddressPlan]:
        """Its addresses by family, IPv4 first; none where skerry gives none."""
        if not self.subnet:
            return {}
        four = AddressPlan(self.subnet, self.ip_range, self.gateway, self.auxiliary, self.leg)
        return {FOUR: four} if self.six is None else {FOUR: four, SIX: self.six}

    @property
    def driver(self) -> str:
        """What makes it: `overlay` is skerry itself, others are the engine's."""
        return str(self.spec.get("Driver") or "overlay")

    @property
    def labels(self) -> dict[str, str]:
        """The user's labels."""
        return self.spec.get("Labels") or {}

    @property
    def source(self) -> str:
        """The configuration network that it has its settings from, or ""."""
        return str((self.spec.get("ConfigFrom") or {}).get("Network", ""))

    @property
    def predefined(self) -> bool:
        """Whether it stands for a network that every engine has: `bridge`, `host`."""
        return PREDEFINED_LABEL in self.labels

    @property
    def node_local(self) -> bool:
        """Whether a driver of the engine's makes it, addresses and all; a swarm only says what it is like."""
        return self.driver != "overlay" and not self.predefined

    @property
    def engine_name(self) -> str:
        """The engine's name for it: unique, since a name may be taken again while old tasks still stop."""
        return self.name if self.predefined else f"skerry.{self.id}"

    @property
    def mtu(self) -> int:
        """What packets may measure inside of its containers; 0: as much as the engine's own do."""
        try:
            return mtu.inside(self.spec.get("Options") or {})
        except ValueError:  # a row from before anybody looked at options
            return 0

    @property
    def bridge(self) -> str:
        """The name of the bridge device (15 characters at most)."""
        return f"sk-{self.id[:12]}"


class Lease(Struct, frozen=True):
    """An address of an overlay network that a container has which is no task. `id` is `CONTAINER.NETWORK`."""

    id: str
    container_id: str
    network_id: str
    address: str
    version: int = 0
    created_at: int = 0
    updated_at: int = 0
    chosen: bool = False
    """By the user (`--ip`): the container gets this one or does not start."""
    held: bool = True
    """Whether the container runs with it, or starts. Else it may get it back, unless there is no other left
    for somebody else."""


class FormerAddress(Struct, frozen=True):
    """Where a task has served that leaves or is gone: who still asks there is led to its service. `id` is
    `NETWORK.ADDRESS`."""

    id: str
    network_id: str
    address: str
    service_id: str
    task_id: str
    until: int
    """When nobody will ask there any more (ns), as far as the service's label says."""
    version: int = 0
    created_at: int = 0
    updated_at: int = 0


def former_id(network_id: str, address: str) -> str:
    """The ID of the row for an address."""
    return f"{network_id}.{address}"


class Cluster(Struct, frozen=True):
    """The swarm itself: one, or none. `ca_key` is encrypted like a secret's data."""

    id: str
    node_id: str
    spec: Raw
    version: int = 0
    created_at: int = 0
    updated_at: int = 0
    worker_token: str = ""
    manager_token: str = ""
    ca_cert: str = ""
    ca_key: bytes = b""
    listen_addr: str = f"0.0.0.0:{defaults.MANAGER_PORT}"
    address_pools: tuple[str, ...] = defaults.ADDRESS_POOLS
    """Empty, and a `subnet_size` of 0, as they were sent: the defaults hold then."""
    subnet_size: int = defaults.SUBNET_SIZE
    data_path_port: int = defaults.DATA_PATH_PORT
    unlock_key: str = field(default="")

    @property
    def log_driver(self) -> Driver | None:
        """The log driver of tasks whose template names none."""
        driver: Raw = (self.spec.get("TaskDefaults") or {}).get("LogDriver") or {}
        return Driver(str(driver.get("Name", "")), driver.get("Options") or {}) if driver else None

    @property
    def task_history(self) -> int | None:
        """How many tasks of a slot are kept."""
        limit: int | None = (self.spec.get("Orchestration") or {}).get("TaskHistoryRetentionLimit")
        return limit


class User(Struct, frozen=True):
    """Somebody who may use the API over the network, by a certificate of the swarm's authority."""

    id: str
    name: str
    role: str
    """`admin`, `read` or `deploy:STACK`."""
    images: tuple[str, ...] = ()
    """Patterns of the images that the stack may run."""
    networks: tuple[str, ...] = ()
    """Patterns of the networks of others that its services may join."""
    fingerprint: str = ""
    """SHA-256 of the certificate."""
    expires_at: int = 0
    version: int = 0
    created_at: int = 0
    updated_at: int = 0


class Listener(Struct, frozen=True):
    """An address of this machine at which the API is served with TLS. `id` is `tcp://HOST:PORT`."""

    id: str
    host: str
    port: int
    names: tuple[str, ...] = ()
    """By which clients call it, beside those that this machine has."""
    version: int = 0
    created_at: int = 0
    updated_at: int = 0


Object = (
    Cluster
    | Node
    | Network
    | Lease
    | FormerAddress
    | Service
    | Task
    | Config
    | Secret
    | KeptConfig
    | KeptSecret
    | Revision
    | Release
    | Decision
    | User
    | Listener
)

KINDS: dict[str, type[Object]] = {
    "cluster": Cluster,
    "node": Node,
    "network": Network,
    "lease": Lease,
    "former": FormerAddress,
    "service": Service,
    "task": Task,
    "config": Config,
    "secret": Secret,
    "kept config": KeptConfig,
    "kept secret": KeptSecret,
    "revision": Revision,
    "release": Release,
    "decision": Decision,
    "user": User,
    "listener": Listener,
}
KIND_OF: dict[type[Object], str] = {kind: word for word, kind in KINDS.items()}
