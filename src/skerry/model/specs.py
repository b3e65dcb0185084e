"""Typed views of specs, read from the JSON that the store keeps.

Field names are Docker's; durations are integer nanoseconds, CPUs are billionths, memory is bytes. A field
that is absent has the value that Swarm's orchestrator takes for it (`skerry.model.defaults`), so absent
and zero stay different in the JSON and mean what they mean here. Source: moby `api/types/swarm`.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, field

from skerry.model import defaults
from skerry.model.objects import Raw


class Healthcheck(Struct, frozen=True, rename="pascal"):
    """`Test` is `[]` (inherit), `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", line]`; zero means default."""

    test: list[str] | None = None
    interval: int = 0
    timeout: int = 0
    retries: int = 0
    start_period: int = 0
    start_interval: int = 0


class FileTarget(Struct, frozen=True, rename="pascal"):
    """Where a config or secret appears in the container; `Mode` is decimal of the octal."""

    name: str = ""
    uid: str = field(default="0", name="UID")
    gid: str = field(default="0", name="GID")
    mode: int = 0o444


class SecretReference(Struct, frozen=True, rename="pascal"):
    """A secret that a task gets."""

    secret_id: str = field(default="", name="SecretID")
    secret_name: str = ""
    file: FileTarget | None = None


class ConfigReference(Struct, frozen=True, rename="pascal"):
    """A config that a task gets."""

    config_id: str = field(default="", name="ConfigID")
    config_name: str = ""
    file: FileTarget | None = None
    runtime: Raw | None = None


class DNSConfig(Struct, frozen=True, rename="pascal"):
    """A service's own resolver settings."""

    nameservers: list[str] | None = None
    search: list[str] | None = None
    options: list[str] | None = None


CONTENT = "skerry.content"
"""Where a container spec keeps the ID of an image that only this node has; never on the wire."""


class ContainerSpec(Struct, frozen=True, rename="pascal"):
    """What to run."""

    image: str = ""
    content: str = field(default="", name=CONTENT)
    labels: dict[str, str] | None = None
    command: list[str] | None = None
    args: list[str] | None = None
    hostname: str = ""
    env: list[str] | None = None
    dir: str = ""
    user: str = ""
    groups: list[str] | None = None
    privileges: Raw | None = None
    init: bool | None = None
    stop_signal: str = ""
    tty: bool = field(default=False, name="TTY")
    open_stdin: bool = False
    read_only: bool = False
    mounts: list[Raw] | None = None
    stop_grace_period: int | None = None
    healthcheck: Healthcheck | None = None
    hosts: list[str] | None = None
    dns_config: DNSConfig | None = field(default=None, name="DNSConfig")
    secrets: list[SecretReference] | None = None
    configs: list[ConfigReference] | None = None
    sysctls: dict[str, str] | None = None
    capability_add: list[str] | None = None
    capability_drop: list[str] | None = None
    ulimits: list[Raw] | None = None
    oom_score_adj: int = 0


class Quantity(Struct, frozen=True, rename="pascal"):
    """Limits or reservations."""

    nano_cpus: int = field(default=0, name="NanoCPUs")
    memory_bytes: int = 0
    pids: int = 0


class Resources(Struct, frozen=True, rename="pascal"):
    """Limits reach the container; reservations only count when a task is placed."""

    limits: Quantity | None = None
    reservations: Quantity | None = None
    swap_bytes: int | None = None
    memory_swappiness: int | None = None


class RestartPolicy(Struct, frozen=True, rename="pascal"):
    """When a task that ended is replaced."""

    condition: str = "any"
    delay: int = defaults.RESTART_DELAY
    max_attempts: int = 0
    window: int = 0


class Placement(Struct, frozen=True, rename="pascal"):
    """Where tasks may run."""

    constraints: list[str] | None = None
    preferences: list[Raw] | None = None
    max_replicas: int = 0
    platforms: list[Raw] | None = None


class NetworkAttachmentConfig(Struct, frozen=True, rename="pascal"):
    """A network to join; `Target` is its ID."""

    target: str = ""
    aliases: list[str] | None = None
    driver_opts: dict[str, str] | None = None


class LogDriver(Struct, frozen=True, rename="pascal"):
    """The engine's log driver for a container."""

    name: str = ""
    options: dict[str, str] | None = None


class TaskTemplate(Struct, frozen=True, rename="pascal"):
    """What a task is made from (Docker's TaskSpec)."""

    container_spec: ContainerSpec | None = None
    resources: Resources | None = None
    restart_policy: RestartPolicy | None = None
    placement: Placement | None = None
    networks: list[NetworkAttachmentConfig] | None = None
    log_driver: LogDriver | None = None
    force_update: int = 0
    runtime: str = "container"

    @property
    def container(self) -> ContainerSpec:
        """The container spec, which validation has made sure of."""
        return self.container_spec or ContainerSpec()


class Replicated(Struct, frozen=True, rename="pascal"):
    """So many replicas."""

    replicas: int = 1


class Mode(Struct, frozen=True, rename="pascal"):
    """Exactly one is set."""

    replicated: Replicated | None = None
    global_: Raw | None = field(default=None, name="Global")
    replicated_job: Raw | None = None
    global_job: Raw | None = None


class UpdateConfig(Struct, frozen=True, rename="pascal"):
    """How an update (or a rollback) rolls. Parallelism 0 means all at once."""

    parallelism: int = 0
    delay: int = 0
    failure_action: str = "pause"
    monitor: int = defaults.MONITOR
    max_failure_ratio: float = 0.0
    order: str = "stop-first"


class PortConfig(Struct, frozen=True, rename="pascal"):
    """A port to publish; `PublishedPort` 0 lets the allocator choose."""

    name: str = ""
    protocol: str = "tcp"
    target_port: int = 0
    published_port: int = 0
    publish_mode: str = "ingress"


class EndpointSpec(Struct, frozen=True, rename="pascal"):
    """`Mode` vip or dnsrr."""

    mode: str = "vip"
    ports: list[PortConfig] | None = None


class ServiceSpec(Struct, frozen=True, rename="pascal"):
    """A whole service."""

    name: str = ""
    labels: dict[str, str] | None = None
    task_template: TaskTemplate = TaskTemplate()
    mode: Mode = Mode()
    update_config: UpdateConfig | None = None
    rollback_config: UpdateConfig | None = None
    endpoint_spec: EndpointSpec | None = None


def read_service(raw: Raw) -> ServiceSpec:
    """Read a service spec. Raises `msgspec.ValidationError` where a field has the wrong type."""
    return msgspec.convert(without_nulls(raw), ServiceSpec)


def read_template(raw: Raw) -> TaskTemplate:
    """Read a task template, e.g. `task.spec`."""
    return msgspec.convert(without_nulls(raw), TaskTemplate)


def read_endpoint(raw: Raw | None) -> EndpointSpec:
    """Read an endpoint spec; absent is `vip` without ports."""
    return msgspec.convert(without_nulls(raw or {}), EndpointSpec)


def without_nulls(value: Any) -> Any:
    """An explicit null is an absent field, as in Go."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
