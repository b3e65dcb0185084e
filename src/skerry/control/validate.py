"""Whether a converted service spec makes sense: swarmkit's own checks, in its order, with its texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from skerry.control.names import check_name
from skerry.control.reference import is_reference
from skerry.core.handling import handling
from skerry.core.update import way_back
from skerry.core.view import View
from skerry.model import labels, template
from skerry.model.errors import RpcError, SkerryError
from skerry.model.go.fmt import sprintf
from skerry.model.go.strconv import quote
from skerry.model.objects import Config, Port, Raw, Secret, Service
from skerry.model.specs import read_endpoint

MILLISECOND = 1_000_000
LEAST_CPU = 1_000_000
LEAST_MEMORY = 4 * 1024 * 1024
MAX_INT64 = 2**63 - 1

CONSTRAINT_KEY = re.compile(r"[a-z_][a-z0-9\-_.]+", re.IGNORECASE)
CONSTRAINT_VALUE = re.compile(r"[a-z0-9:\-_\s.*()?+\[\]\\^$|/]+", re.IGNORECASE)


def check_spec(spec: Raw, before: Raw | None = None) -> None:
    """Raises RpcError for the first thing that is wrong with the spec; `before` is what it replaces."""
    check_name(spec["Name"])
    try:
        labels.check_names(_every_label(spec), _every_label(before or {}))
        labels.check(spec.get("Labels") or {})
        handling(spec.get("Labels") or {})
    except ValueError as error:
        raise _invalid(str(error)) from error
    _check_task(spec["TaskTemplate"])
    _check_mode(spec["Mode"])
    if "ReplicatedJob" in spec["Mode"] or "GlobalJob" in spec["Mode"]:
        if "UpdateConfig" in spec:
            raise _invalid("Jobs may not have an update config")
    else:
        _check_update(spec.get("UpdateConfig", {}))
    _check_endpoint(spec.get("EndpointSpec", {}))


def _every_label(spec: Raw) -> dict[str, str]:
    """The labels of a service and of its containers."""
    container = (spec.get("TaskTemplate") or {}).get("ContainerSpec") or {}
    return {**(container.get("Labels") or {}), **(spec.get("Labels") or {})}


def _invalid(text: str) -> RpcError:
    return RpcError("InvalidArgument", text)


def _check_task(task: Raw) -> None:
    resources = task.get("Resources", {})
    for quantity in (resources.get("Limits", {}), resources.get("Reservations", {})):
        _check_quantity(quantity)
    policy = task.get("RestartPolicy", {})
    for word in ("Delay", "Window"):
        if policy.get(word, 0) < 0:
            raise _invalid(f"TaskSpec: restart-{word.lower()} cannot be negative")
    check_constraints(task.get("Placement", {}).get("Constraints", []))
    container = task["ContainerSpec"]
    _check_references(container.get("Secrets", []), "secret")
    _check_references(container.get("Configs", []), "config")
    _check_credential_config(container)
    _check_container(container)


def _check_quantity(quantity: Raw) -> None:
    cpus, memory = quantity.get("NanoCPUs", 0), quantity.get("MemoryBytes", 0)
    if cpus and cpus < LEAST_CPU:
        raise _invalid(f"invalid cpu value {str(cpus / 1e9).removesuffix('.0')}: Must be at least 0.001")
    if memory and memory < LEAST_MEMORY:
        raise _invalid(f"invalid memory value {memory}: Must be at least 4MiB")


def check_constraints(constraints: Iterable[str]) -> None:
    """Raises RpcError Unknown (500, as swarmkit lets the parser's error through)."""
    for line in constraints:
        operator = next((one for one in ("==", "!=") if one in line), None)
        if operator is None:
            raise RpcError("Unknown", "constraint expected one operator from ==, !=")
        key, _, value = (part.strip() for part in line.partition(operator))
        if not CONSTRAINT_KEY.fullmatch(key):
            raise RpcError("Unknown", f"key '{key}' is invalid")
        if not CONSTRAINT_VALUE.fullmatch(value):
            raise RpcError("Unknown", f"value '{value}' is invalid")


def _check_references(references: list[Raw], kind: str) -> None:
    """Secrets or configs: each with ID, name and target, no two with one target."""
    prefix = kind.capitalize()
    targets: dict[str, str] = {}
    for reference in references:
        name = reference.get(f"{prefix}Name")
        if not reference.get(f"{prefix}ID") or not name:
            raise _invalid(f"malformed {kind} reference")
        if kind == "config" and "Runtime" in reference:
            continue
        if "File" not in reference:
            raise _invalid(f"malformed {kind} reference, no target provided")
        target = reference["File"].get("Name")
        if not target:
            raise _invalid(f"malformed file {kind} reference, invalid target file name provided")
        if target in targets:
            raise _invalid(
                f"{kind} references '{targets[target]}' and '{name}' have a conflicting target: '{target}'"
            )
        targets[target] = name


def _check_credential_config(container: Raw) -> None:
    wanted = container.get("Privileges", {}).get("CredentialSpec", {}).get("Config")
    offered = [one.get("ConfigID") for one in container.get("Configs", []) if "Runtime" in one]
    if wanted and wanted not in offered:
        raise _invalid(
            f"CredentialSpec references config '{wanted}', but that config isn't in config references with "
            "RuntimeTarget"
        )


def _check_container(raw: Raw) -> None:
    try:
        container = template.expand_container(raw, template.TRIAL)
    except template.TemplateError as error:
        # swarmkit takes the text for a layout: a verb in the user's template is one without a value
        raise _invalid(sprintf(error.message)) from error
    image = container.get("Image", "")
    if not image:
        raise _invalid("ContainerSpec: image reference must be provided")
    if not is_reference(image):
        raise _invalid(f"ContainerSpec: {quote(image)} is not a valid repository/tag")
    targets = set()
    for mount in container.get("Mounts", []):
        target = mount.get("Target", "")
        if target in targets:
            raise _invalid(f"ContainerSpec: duplicate mount point: {target}")
        targets.add(target)
    health = container.get("Healthcheck", {})
    for word in ("Interval", "Timeout", "StartPeriod", "StartInterval"):
        if health.get(word, 0) and health[word] < MILLISECOND:
            raise _invalid(f"ContainerSpec: {word} in HealthConfig cannot be less than 1ms")
    if health.get("Retries", 0) < 0:
        raise _invalid("ContainerSpec: Retries in HealthConfig cannot be negative")


def _check_mode(mode: Raw) -> None:
    if mode.get("Replicated", {}).get("Replicas", 0) > MAX_INT64:
        raise _invalid("Number of replicas must be non-negative")
    job = mode.get("ReplicatedJob", {})
    if job.get("MaxConcurrent", 0) > MAX_INT64:
        raise _invalid("Maximum concurrent jobs must not be negative")
    if job.get("TotalCompletions", 0) > MAX_INT64:
        raise _invalid("Total completed jobs must not be negative")


def _check_update(config: Raw) -> None:
    for word in ("Delay", "Monitor"):
        if config.get(word, 0) < 0:
            raise _invalid(f"TaskSpec: update-{word.lower()} cannot be negative")
    if not 0 <= config.get("MaxFailureRatio", 0) <= 1:
        raise _invalid("TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1")


def _check_endpoint(spec: Raw) -> None:
    published = set()
    for port in spec.get("Ports", []):
        number = port.get("PublishedPort", 0)
        if spec["Mode"] == "dnsrr" and port["PublishMode"] == "ingress":
            raise _invalid("EndpointSpec: port published with ingress mode can't be used with dnsrr mode")
        if number and (number, port["Protocol"]) in published:
            raise _invalid("EndpointSpec: duplicate published ports provided")
        published.add((number, port["Protocol"]))


def check_networks(view: View, spec: Raw) -> None:
    """Nobody attaches a service to the ingress network by name, or to `host` and another network at once."""
    named = spec["TaskTemplate"].get("Networks", [])
    for attached in named:
        network = view.networks.get(attached["Target"])
        if network is None or network.removed:  # since its name was looked up
            raise SkerryError(f"network {attached['Target']} not found")
        if network.driver == "host" and len(named) > 1:
            raise _invalid(
                "network host cannot be used together with other networks: tasks on it have the machine's "
                "own network and no other"
            )
        if network.ingress:
            raise _invalid(
                f"Service cannot be explicitly attached to the ingress network {quote(network.name)}"
            )


def check_ports(view: View, spec: Raw, own_id: str = "") -> None:
    """Two services may share a host-mode port (their tasks take turns), never an ingress one.

    A service whose update would be rolled back keeps its former ports until the update is over.
    """
    wanted: dict[tuple[int, str], set[str]] = {}
    for port in spec.get("EndpointSpec", {}).get("Ports", []):
        if number := port.get("PublishedPort", 0):
            wanted.setdefault((number, port["Protocol"]), set()).add(port["PublishMode"])
    for service in sorted(view.services.values(), key=lambda one: one.id):
        if service.id == own_id:
            continue
        for held in _held_ports(view, service):
            modes = wanted.get((held.published, held.protocol), set())
            if held.mode == "ingress" and modes:
                raise _in_use(held, service, "an ingress port")
            if "ingress" in modes:
                raise _in_use(held, service, "a host-published port")


def _held_ports(view: View, service: Service) -> list[Port]:
    specs = (service.spec, way_back(view, service) or {})
    asked = [port for spec in specs for port in read_endpoint(spec.get("EndpointSpec")).ports or ()]
    named = [Port(one.target_port, one.published_port, one.protocol, one.publish_mode) for one in asked]
    return [port for port in (*named, *service.endpoint.ports) if port.published]


def _in_use(port: Port, service: Service, manner: str) -> RpcError:
    return _invalid(
        f"port '{port.published}' is already in use by service '{service.name}' ({service.id}) as {manner}"
    )


def check_files(view: View, spec: Raw) -> None:
    """Every secret and config must exist under the ID and have the name that the spec gives."""
    container = spec["TaskTemplate"]["ContainerSpec"]
    _check_existence(container.get("Secrets", []), "secret", view.secrets.get)
    _check_existence(container.get("Configs", []), "config", view.configs.get)


def _check_existence(
    references: list[Raw], kind: str, known: Callable[[str], Config | Secret | None]
) -> None:
    prefix, missing = kind.capitalize(), []
    for reference in references:
        found = known(reference[f"{prefix}ID"])
        if found is None or found.name != reference[f"{prefix}Name"]:
            missing.append(reference[f"{prefix}Name"])
    if missing:
        raise _invalid(f"{kind if len(missing) == 1 else kind + 's'} not found: {', '.join(missing)}")
