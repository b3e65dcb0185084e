"""Every key of the compose specification, and what becomes of it: the table that docs/compose.md is made of.

A key is given by its path; `*` stands for a name that the user chooses, and the items of a list have no part
of their own. A key that is refused or read by Compose covers all below it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any


class How(Enum):
    """What becomes of a key."""

    WORKS = "works"
    LABEL = "by label"
    COMPOSE = "read by Compose"
    BUILD = "by Compose, with `--build`"
    NOTHING = "nothing to do"
    REFUSED = "refused"


def _given(value: Any) -> bool:
    return value not in (None, "", False, [], {})


@dataclass(frozen=True)
class Key:
    """One row. `refused` is the sentence where it can't be, and `when` says for which values."""

    path: str
    how: How
    note: str = ""
    label: str = ""
    refused: str = ""
    when: Callable[[Any], bool] = _given

    @property
    def covers(self) -> bool:
        """Whether all keys below it share its fate."""
        return self.how in (How.COMPOSE, How.BUILD, How.REFUSED, How.NOTHING)


def _works(below: str, names: str, note: str = "") -> Iterator[Key]:
    prefix = f"{below}." if below else ""
    yield from (Key(prefix + name, How.WORKS, note) for name in names.split())


def _label(name: str, label: str, note: str = "", refused: str = "", when: Any = _given) -> Key:
    return Key(f"services.*.{name}", How.LABEL, note, f"skerry.{label}", refused, when)


def _refused(path: str, sentence: str, when: Callable[[Any], bool] = _given) -> Key:
    return Key(path, How.REFUSED, refused=sentence, when=when)


def _of_another(value: Any) -> bool:
    """A namespace of another container."""
    return str(value or "").startswith(("service:", "container:"))


_SHARED = "a task has namespaces of its own: it can't have those of another service or container"
_NETWORK = (
    f"{_SHARED}. Put both on one network, and have one reach the other by its service's name in the place of "
    "localhost"
)
_WINDOWS = "it means something on Windows only"
_ADDRESS = "the address of a task on an overlay network is given by the swarm"
_S = "services.*"

_FILE = (
    Key("version", How.COMPOSE, "obsolete; ignored, as by Compose"),
    Key("name", How.COMPOSE, "the stack's name, if none is given"),
    Key("include", How.COMPOSE),
    _refused("models", "there is no runner of language models: run one as a service"),
    _refused(
        "jobs",
        "write it as a service with deploy.mode replicated-job; there are no schedules and triggers yet",
    ),
    *_works("", "services networks volumes secrets configs"),
)

_SERVICE = (
    Key(f"{_S}.profiles", How.COMPOSE, "`--profile`"),
    Key(f"{_S}.extends", How.COMPOSE),
    Key(f"{_S}.env_file", How.COMPOSE, "its variables become `environment`"),
    Key(f"{_S}.label_file", How.COMPOSE, "its labels become `labels`"),
    Key(f"{_S}.build", How.BUILD, "the image is pinned to its content; without `--build`, `image` is needed"),
    Key(f"{_S}.attach", How.NOTHING, "steers the terminal of `docker compose up` alone"),
    Key(f"{_S}.develop", How.NOTHING, "steers `docker compose watch` alone"),
    Key(f"{_S}.expose", How.NOTHING, "tasks of one network reach all of each other's ports"),
    _refused(f"{_S}.provider", "what a provider makes is outside of the swarm"),
    _refused(f"{_S}.models", "there is no runner of language models: run one as a service"),
    _refused(f"{_S}.use_api_socket", "bind /var/run/docker.sock below volumes instead: it is skerry's API"),
    _refused(
        f"{_S}.external_links", "put both services on one external network: there they know their names"
    ),
    _refused(f"{_S}.volumes_from", "name the volumes below volumes of this service too"),
    _refused(
        f"{_S}.pre_start",
        "write it as a service of its own, on which this one depends with service_completed_successfully",
    ),
    *_works(
        _S,
        "command entrypoint environment hostname image init labels read_only stdin_open stop_grace_period "
        "stop_signal tty user working_dir cap_add cap_drop group_add isolation extra_hosts dns dns_opt "
        "dns_search sysctls cpus mem_limit pids_limit",
    ),
    Key(
        f"{_S}.container_name",
        How.WORKS,
        "a name on the service's networks; the container itself is named as tasks are, as there may be two "
        "at a time",
    ),
    Key(
        f"{_S}.depends_on",
        How.LABEL,
        "the order of the first deploy, of updates and of the way back; what has to complete becomes a job",
        "skerry.depends_on",
    ),
    *_works(f"{_S}.depends_on.*", "condition required restart"),
    Key(f"{_S}.scale", How.WORKS, "as `deploy.replicas`, which wins"),
    Key(
        f"{_S}.restart",
        How.WORKS,
        "the restart policy; `deploy.restart_policy` wins; without both a task that "
        "ends is replaced, as ever in a swarm",
    ),
    Key(
        f"{_S}.links",
        How.WORKS,
        "the alias is known to all on the target's networks, and the order is that of `depends_on`",
    ),
    Key(f"{_S}.platform", How.WORKS, "where it may run; `--build` builds for it"),
    Key(
        f"{_S}.pull_policy",
        How.WORKS,
        "`always`, or nothing said: the tag's digest is asked for at each deploy; `missing`: what is here is "
        "taken; `never` and `build`: no registry is asked",
        refused="an image is looked up when it is deployed: always, missing, never and build are possible",
        when=lambda value: str(value).startswith(("daily", "weekly", "every", "refresh")),
    ),
    _refused(f"{_S}.pull_refresh_after", "an image is looked up when it is deployed, and at no other time"),
    _refused(f"{_S}.cpu_count", _WINDOWS),
    _refused(f"{_S}.cpu_percent", _WINDOWS),
    *_works(f"{_S}.credential_spec", "config file registry", "Windows only"),
    *_works(f"{_S}.healthcheck", "disable interval retries test timeout start_period start_interval"),
    *_works(f"{_S}.logging", "driver options"),
    *_works(f"{_S}.ulimits", "* *.soft *.hard"),
)

_BY_LABEL = (
    _label("privileged", "privileged"),
    _label("devices", "devices", "and `skerry.devices.cdi`"),
    *_works(f"{_S}.devices", "source target permissions"),
    _label("device_cgroup_rules", "devices.cgroup-rules"),
    _label("gpus", "gpus"),
    *_works(f"{_S}.gpus", "capabilities count device_ids driver options"),
    _label("ipc", "ipc", refused=_SHARED, when=_of_another),
    _label("pid", "pid", refused=_SHARED, when=_of_another),
    _label("uts", "uts"),
    _label("userns_mode", "userns"),
    _label("cgroup", "cgroup"),
    _label("cgroup_parent", "cgroup.parent"),
    _label("shm_size", "shm-size"),
    _label("security_opt", "security-opt", "a seccomp profile is read from its file"),
    _label("runtime", "runtime"),
    _label("oom_kill_disable", "oom.kill-disable"),
    _label("oom_score_adj", "oom.score-adj"),
    _label("memswap_limit", "memory.swap"),
    _label("mem_swappiness", "memory.swappiness"),
    _label("mem_reservation", "memory.reservation"),
    _label("cpuset", "cpu.set"),
    _label("cpu_shares", "cpu.shares"),
    _label("cpu_quota", "cpu.quota"),
    _label("cpu_period", "cpu.period"),
    _label("cpu_rt_runtime", "cpu.rt-runtime"),
    _label("cpu_rt_period", "cpu.rt-period"),
    _label("blkio_config.weight", "blkio.weight"),
    _label("blkio_config.weight_device", "blkio.weight-device"),
    *_works(f"{_S}.blkio_config.weight_device", "path weight"),
    *(
        key
        for kind in ("read", "write")
        for unit in ("bps", "iops")
        for key in (
            _label(f"blkio_config.device_{kind}_{unit}", f"blkio.{kind}-{unit}"),
            *_works(f"{_S}.blkio_config.device_{kind}_{unit}", "path rate"),
        )
    ),
    _label("storage_opt", "storage-opt"),
    _label("annotations", "annotations"),
    _label("tmpfs", "tmpfs"),
    _label("domainname", "domainname"),
    *(
        key
        for name in ("post_start", "pre_stop")
        for key in (
            _label(name, f"hooks.{name.replace('_', '-')}"),
            *_works(f"{_S}.{name}", "command user privileged working_dir environment"),
        )
    ),
    _label("mac_address", "mac-address"),
)

_NETWORKS = (
    _label("network_mode", "network", "`none`; `host` and `bridge` are networks", _NETWORK, _of_another),
    *_works(f"{_S}.networks.*", "aliases driver_opts"),
    Key(f"{_S}.networks.*.priority", How.WORKS, "networks are joined in this order"),
    _refused(f"{_S}.networks.*.gw_priority", "the way out of a task is by the swarm's own bridge"),
    _refused(f"{_S}.networks.*.interface_name", "the interfaces of a task are named by the engine"),
    _refused(f"{_S}.networks.*.ipv4_address", f"{_ADDRESS}: use the service's name"),
    _refused(f"{_S}.networks.*.ipv6_address", f"{_ADDRESS}: use the service's name"),
    _refused(f"{_S}.networks.*.link_local_ips", _ADDRESS),
    _refused(f"{_S}.networks.*.mac_address", "write mac_address at the service itself"),
    *_works(f"{_S}.ports", "target published protocol mode name"),
    Key(f"{_S}.ports.app_protocol", How.NOTHING, "says what is spoken there; nobody acts on it"),
    _refused(
        f"{_S}.ports.host_ip",
        "a port of a service is published on all addresses of the machine: leave the address out, and keep "
        "others away with a firewall, or publish no port and reach it by a network",
        lambda value: value not in (None, "", "0.0.0.0"),
    ),
    Key(
        "networks.*.driver",
        How.WORKS,
        "`bridge` becomes `overlay`, and that is said; `overlay`",
        refused="a stack's own networks are overlay networks: make another one with docker network create, "
        "and name it with external: true",
        when=lambda value: value not in (None, "", "bridge", "overlay", "default"),
    ),
    *_works("networks.*", "name driver_opts external internal attachable enable_ipv6 labels"),
    _refused("networks.*.enable_ipv4", "tasks have IPv4 addresses", lambda value: value is False),
    Key("networks.*.external.name", How.COMPOSE),
    *_works("networks.*.ipam", "driver options config"),
    *_works("networks.*.ipam.config", "subnet ip_range gateway"),
    Key("networks.*.ipam.config.aux_addresses", How.WORKS),
)

_STORAGE = (
    *_works(f"{_S}.volumes", "source target read_only consistency"),
    Key(
        f"{_S}.volumes.type",
        How.WORKS,
        "`bind`, `volume`, `tmpfs`, `image`",
        refused="it is neither bind nor volume nor tmpfs nor image",
        when=lambda value: value not in ("bind", "volume", "tmpfs", "image"),
    ),
    *_works(f"{_S}.volumes.bind", "propagation recursive"),
    Key(
        f"{_S}.volumes.bind.create_host_path",
        How.WORKS,
        "by engines from API 1.42; with older ones the path has to be there",
    ),
    _refused(
        f"{_S}.volumes.bind.selinux", "label the path of the machine itself: chcon -Rt container_file_t"
    ),
    *_works(f"{_S}.volumes.volume", "labels nocopy subpath"),
    *_works(f"{_S}.volumes.tmpfs", "size mode"),
    *_works(f"{_S}.volumes.image", "subpath"),
    *_works("volumes.*", "name driver driver_opts external labels"),
    Key("volumes.*.external.name", How.COMPOSE),
    *_works(f"{_S}.secrets", "source target uid gid mode"),
    *_works(f"{_S}.configs", "source target uid gid mode"),
    *_works("secrets.*", "name environment file external labels driver driver_opts template_driver"),
    Key("secrets.*.external.name", How.COMPOSE),
    *_works("configs.*", "name content environment file external labels template_driver"),
    Key("configs.*.external.name", How.COMPOSE),
)

_DEPLOY = (
    *_works(f"{_S}.deploy", "mode endpoint_mode replicas labels"),
    *(
        key
        for name in ("update_config", "rollback_config")
        for key in _works(
            f"{_S}.deploy.{name}", "parallelism delay failure_action monitor max_failure_ratio order"
        )
    ),
    *_works(f"{_S}.deploy.restart_policy", "condition delay max_attempts window"),
    *_works(f"{_S}.deploy.placement", "constraints max_replicas_per_node preferences.spread"),
    *_works(f"{_S}.deploy.resources.limits", "cpus memory pids"),
    *_works(f"{_S}.deploy.resources.reservations", "cpus memory"),
    *_works(
        f"{_S}.deploy.resources.reservations.generic_resources",
        "discrete_resource_spec.kind discrete_resource_spec.value",
    ),
    Key(f"{_S}.deploy.resources.reservations.devices", How.LABEL, "", "skerry.gpus"),
    *_works(f"{_S}.deploy.resources.reservations.devices", "capabilities count device_ids driver options"),
)

KEYS = {key.path: key for key in (*_FILE, *_SERVICE, *_BY_LABEL, *_NETWORKS, *_STORAGE, *_DEPLOY)}
"""Every key by its path."""


def row_of(path: str) -> Key | None:
    """The row that says what becomes of a key: its own, or one above it that covers it."""
    parts = path.split(".")
    for length in range(1, len(parts)):
        above = KEYS.get(".".join(parts[:length]))
        if above is not None and above.covers:
            return above
    return KEYS.get(path)


@dataclass(frozen=True)
class Use:
    """A refused key that a file uses: where, e.g. `services web ports host_ip`, and its row."""

    path: tuple[str, ...]
    key: Key


def refused_uses(model: dict[str, Any]) -> Iterator[Use]:
    """What of a project can't be."""
    for key in KEYS.values():
        if key.refused:
            for path, value in _values(model, key.path.split("."), ()):
                if key.when(value):
                    yield Use(path, key)


_PREFIXES = {path.rsplit(".", length)[0] for path in KEYS for length in range(1, path.count(".") + 1)}


def unknown_uses(
    value: Any, path: tuple[str, ...] = (), row: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """Keys that no row knows, as a newer Compose may have them."""
    if isinstance(value, list):
        for item in value:
            yield from unknown_uses(item, path, row)
    elif isinstance(value, dict) and ".".join(row) in ("", *_PREFIXES):
        for name, inner in value.items():
            yield from _unknown(name, inner, path, row)


def _unknown(name: str, value: Any, path: tuple[str, ...], row: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    own, any_name = (*row, name), (*row, "*")
    known = own if _is_known(own) else any_name
    if _is_known(known):
        key = KEYS.get(".".join(known))
        if key is None or not key.covers:
            yield from unknown_uses(value, (*path, name), known)
    elif not name.startswith("x-"):
        yield (*path, name)


def _is_known(row: tuple[str, ...]) -> bool:
    return ".".join(row) in KEYS or ".".join(row) in _PREFIXES


def _values(value: Any, parts: Sequence[str], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value at a path, with the names that stand for its asterisks."""
    if isinstance(value, list):
        for item in value:
            yield from _values(item, parts, path)
    elif not parts:
        yield path, value
    elif isinstance(value, dict):
        names = list(value) if parts[0] == "*" else [parts[0]] if parts[0] in value else []
        for name in names:
            yield from _values(value[name], parts[1:], (*path, name))
