"""Whether a converted service spec makes sense: swarmkit's own checks, in its order, with its texts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain

from skerry.control.names import check_name
from skerry.control.reference import is_reference
from skerry.core import depends
from skerry.core.parts import before_release
from skerry.core.traffic_policy import read_policy
from skerry.core.update import way_back
from skerry.core.view import View
from skerry.model import labels, template
from skerry.model.defaults import MILLISECOND
from skerry.model.errors import RpcError, SkerryError
from skerry.model.files import File, KeptFile
from skerry.model.go.fmt import sprintf
from skerry.model.go.strconv import quote
from skerry.model.objects import Port, Raw, Service
from skerry.model.spec import Spec
from skerry.model.specs import (
    ConfigReference,
    ContainerSpec,
    EndpointSpec,
    FileTarget,
    Healthcheck,
    Limit,
    RuntimeTarget,
    ServiceMode,
    ServiceSpec,
    TaskTemplate,
    UpdateConfig,
)

LEAST_CPU = 1_000_000
LEAST_MEMORY = 4 * 1024 * 1024
MAX_INT64 = 2**63 - 1

CONSTRAINT_KEY = re.compile(r"[a-z_][a-z0-9\-_.]+", re.IGNORECASE)
CONSTRAINT_VALUE = re.compile(r"[a-z0-9:\-_\s.*()?+\[\]\\^$|/]+", re.IGNORECASE)


def check_spec(spec: Spec[ServiceSpec], before: Spec[ServiceSpec] | None = None) -> None:
    """Raises RpcError for the first thing that is wrong with the spec; `before` is what it replaces."""
    typed = spec.typed
    if spec.fault:
        raise _invalid(spec.fault)
    check_name(typed.name)
    try:
        labels.check_names(_every_label(typed), _every_label(before.typed) if before is not None else {})
        labels.check(typed.labels)
        labels.check_container(typed.task_template.container_spec.labels)
        read_policy(typed.labels)
    except ValueError as error:
        raise _invalid(str(error)) from error
    _check_task(typed.task_template)
    _check_container(spec.raw["TaskTemplate"]["ContainerSpec"], typed.task_template.container_spec)
    _check_mode(typed.mode)
    if typed.mode.is_job and typed.update_config is not None:
        raise _invalid("Jobs may not have an update config")
    _check_update(typed.update_config or UpdateConfig())
    _check_endpoint(typed.endpoint_spec)


def _every_label(spec: ServiceSpec) -> dict[str, str]:
    """The labels of a service and of its containers."""
    return {**spec.task_template.container_spec.labels, **spec.labels}


def _invalid(text: str) -> RpcError:
    return RpcError("InvalidArgument", text)


def _check_task(task: TaskTemplate) -> None:
    for quantity in (task.resources.limits or Limit(), task.resources.reservations):
        _check_quantity(quantity.nano_cpus, quantity.memory_bytes)
    for word, period in (("delay", task.restart_policy.delay), ("window", task.restart_policy.window)):
        if period < 0:
            raise _invalid(f"TaskSpec: restart-{word} cannot be negative")
    check_constraints(task.placement.constraints)
    container = task.container_spec
    _check_references("secret", ((ref.secret_id, ref.secret_name, ref.file) for ref in container.secrets))
    _check_references("config", ((ref.config_id, ref.config_name, _target(ref)) for ref in container.configs))
    _check_credential_config(container)


def _check_quantity(cpus: int, memory: int) -> None:
    if cpus and cpus < LEAST_CPU:
        raise _invalid(f"invalid cpu value {str(cpus / 1e9).removesuffix('.0')}: Must be at least 0.001")
    if memory and memory < LEAST_MEMORY:
        raise _invalid(f"invalid memory value {memory}: Must be at least 4MiB")


def check_constraints(constraints: Iterable[str]) -> None:
    """Raises RpcError Unknown (500, as swarmkit lets the parser's error through)."""
    for line in constraints:
        operator = next((sign for sign in ("==", "!=") if sign in line), None)
        if operator is None:
            raise RpcError("Unknown", "constraint expected one operator from ==, !=")
        key, _, value = (part.strip() for part in line.partition(operator))
        if not CONSTRAINT_KEY.fullmatch(key):
            raise RpcError("Unknown", f"key '{key}' is invalid")
        if not CONSTRAINT_VALUE.fullmatch(value):
            raise RpcError("Unknown", f"value '{value}' is invalid")


def _target(reference: ConfigReference) -> FileTarget | RuntimeTarget | None:
    return reference.file if reference.runtime is None else reference.runtime


def _check_references(
    kind: str, references: Iterable[tuple[str, str, FileTarget | RuntimeTarget | None]]
) -> None:
    """Secrets or configs (ID, name, target): each with all of them, no two with one file."""
    targets: dict[str, str] = {}
    for key, name, file in references:
        if not key or not name:
            raise _invalid(f"malformed {kind} reference")
        if isinstance(file, RuntimeTarget):
            continue
        if file is None:
            raise _invalid(f"malformed {kind} reference, no target provided")
        if not file.name:
            raise _invalid(f"malformed file {kind} reference, invalid target file name provided")
        if file.name in targets:
            both = f"'{targets[file.name]}' and '{name}'"
            raise _invalid(f"{kind} references {both} have a conflicting target: '{file.name}'")
        targets[file.name] = name


def _check_credential_config(container: ContainerSpec) -> None:
    credentials = container.privileges.credential_spec
    config = credentials.config if credentials is not None else ""
    if config and config not in [ref.config_id for ref in container.configs if ref.runtime is not None]:
        raise _invalid(
            f"CredentialSpec references config '{config}', but that config isn't in config references with "
            "RuntimeTarget"
        )


def _check_container(raw: Raw, container: ContainerSpec) -> None:
    """Raise what is wrong with a container spec, its templates filled with a trial task's values."""
    try:
        filled = template.expand_container(raw, template.TRIAL)
    except template.TemplateError as error:
        # swarmkit takes the text for a layout: a verb in the user's template is one without a value
        raise _invalid(sprintf(error.message)) from error
    if not container.image:
        raise _invalid("ContainerSpec: image reference must be provided")
    if not is_reference(container.image):
        raise _invalid(f"ContainerSpec: {quote(container.image)} is not a valid repository/tag")
    targets = set()
    for mount in filled.get("Mounts", []):
        target = mount.get("Target", "")
        if target in targets:
            raise _invalid(f"ContainerSpec: duplicate mount point: {target}")
        targets.add(target)
    _check_health(container.healthcheck)


def _check_health(check: Healthcheck) -> None:
    periods = {
        "Interval": check.interval,
        "Timeout": check.timeout,
        "StartPeriod": check.start_period,
        "StartInterval": check.start_interval,
    }
    for word, period in periods.items():
        if period and period < MILLISECOND:
            raise _invalid(f"ContainerSpec: {word} in HealthConfig cannot be less than 1ms")
    if check.retries < 0:
        raise _invalid("ContainerSpec: Retries in HealthConfig cannot be negative")


def _check_mode(mode: ServiceMode) -> None:
    if mode.replicated is not None and mode.replicated.replicas > MAX_INT64:
        raise _invalid("Number of replicas must be non-negative")
    if (job := mode.replicated_job) is not None:
        if job.max_concurrent > MAX_INT64:
            raise _invalid("Maximum concurrent jobs must not be negative")
        if (job.total_completions or 0) > MAX_INT64:
            raise _invalid("Total completed jobs must not be negative")


def _check_update(config: UpdateConfig) -> None:
    for word, period in (("delay", config.delay), ("monitor", config.monitor)):
        if period < 0:
            raise _invalid(f"TaskSpec: update-{word} cannot be negative")
    if not 0 <= config.max_failure_ratio <= 1:
        raise _invalid("TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1")


def _check_endpoint(spec: EndpointSpec) -> None:
    published = set()
    for port in spec.ports:
        key = (port.published_port, port.protocol)
        if spec.mode == "dnsrr" and port.publish_mode == "ingress":
            raise _invalid("EndpointSpec: port published with ingress mode can't be used with dnsrr mode")
        if port.published_port and key in published:
            raise _invalid("EndpointSpec: duplicate published ports provided")
        published.add(key)


def check_networks(view: View, spec: ServiceSpec) -> None:
    """Nobody attaches a service to the ingress network by name, or to `host` and another network at once."""
    named = spec.task_template.networks
    for attached in named:
        network = view.networks.get(attached.target)
        if network is None or network.removed:  # since its name was looked up
            raise SkerryError(f"network {attached.target} not found")
        if network.driver == "host" and len(named) > 1:
            raise _invalid(
                "network host cannot be used together with other networks: tasks on it have the machine's "
                "own network and no other"
            )
        if network.ingress:
            raise _invalid(
                f"Service cannot be explicitly attached to the ingress network {quote(network.name)}"
            )


def check_ports(view: View, spec: ServiceSpec, own_id: str = "") -> None:
    """Two services may share a host-mode port (their tasks take turns), never an ingress one.

    A service whose update would be rolled back, or whose release would be taken back, keeps its former ports
    until that is over.
    """
    published: dict[tuple[int, str], set[str]] = {}
    for port in spec.endpoint_spec.ports:
        if port.published_port:
            published.setdefault((port.published_port, port.protocol), set()).add(port.publish_mode)
    if not published:
        return
    for service in sorted(view.services.values(), key=lambda service: service.id):
        if service.id == own_id:
            continue
        for held in _held_ports(view, service):
            modes = published.get((held.published, held.protocol), set())
            if held.mode == "ingress" and modes:
                raise _in_use(held, service, "an ingress port")
            if "ingress" in modes:
                raise _in_use(held, service, "a host-published port")


def _held_ports(view: View, service: Service) -> list[Port]:
    before = before_release(view, service)
    former = before.spec if before is not None else None
    specs = filter(None, (service.spec, way_back(view, service), former))
    ports = chain.from_iterable(spec.typed.endpoint_spec.ports for spec in specs)
    named = (Port(port.target_port, port.published_port, port.protocol, port.publish_mode) for port in ports)
    return [port for port in (*named, *service.endpoint.ports) if port.published]


def _in_use(port: Port, service: Service, manner: str) -> RpcError:
    return _invalid(
        f"port '{port.published}' is already in use by service '{service.name}' ({service.id}) as {manner}"
    )


def check_files(view: View, spec: ServiceSpec) -> None:
    """Every secret and config must exist under the ID and have the name that the spec gives; one that is
    only kept does, for who knows its ID from a spec that has it."""
    container = spec.task_template.container_spec
    _check_existence("secret", [(ref.secret_name, view.secret(ref.secret_id)) for ref in container.secrets])
    _check_existence("config", [(ref.config_name, view.config(ref.config_id)) for ref in container.configs])


def _check_existence(kind: str, named: Iterable[tuple[str, File | KeptFile | None]]) -> None:
    missing = [name for name, file in named if file is None or file.name != name]
    if missing:
        raise _invalid(f"{kind if len(missing) == 1 else kind + 's'} not found: {', '.join(missing)}")


def check_order(view: View, service: Service, *, complete: bool) -> None:
    """No service may wait for itself, by whatever way. Where all of its stack is there (`complete`), whom it
    waits for has to be among it."""
    if way := depends.cycle(view, service):
        raise _invalid(f"service {service.name} would wait for itself: {' waits for '.join(way)}")
    for dependency, target in depends.needed(view, service) if complete else ():
        if target is None and dependency.required:
            raise _invalid(
                f"service {service.name} depends on {dependency.service}, and there is no such service"
            )
