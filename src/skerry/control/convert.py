"""From the body of a request to the spec that is stored: what Docker's converter does (`cluster/convert`).

Network names become IDs, words are checked, and the few defaults that Docker itself writes into a spec are
filled in; all other defaults stay out of it (`model.defaults`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from skerry.control import access, networks
from skerry.control.names import random_name
from skerry.core.view import View
from skerry.model import defaults
from skerry.model.errors import Forbidden, InvalidParameter, NotFound, SkerryError
from skerry.model.go.strconv import quote
from skerry.model.objects import Raw

MOUNT_TYPES = ("bind", "volume", "tmpfs", "npipe", "cluster")
PROPAGATIONS = ("rprivate", "private", "rshared", "shared", "rslave", "slave")
PREDEFINED = ("bridge", "host", "none", "default")
CONFINEMENTS = {"Seccomp": ("unconfined", "custom"), "AppArmor": ("disabled",)}
MODES = ("Replicated", "Global", "ReplicatedJob", "GlobalJob")


def service_spec(view: View, spec: Raw, local: Collection[str] = ()) -> Raw:
    """The spec of a service. `local` are names and IDs of networks that only the engine knows.

    Raises InvalidParameter, or whatever an unusable network means.
    """
    access.require_swarm(view)
    template = _with_network_ids(view, spec, local)
    legacy = {"Networks": template["Networks"]} if _is_legacy(spec) else {}
    return {
        **spec,
        **legacy,
        "Name": spec.get("Name") or random_name(),
        "Labels": spec.get("Labels", {}),
        "TaskTemplate": _template(template),
        **_update_config(spec, "UpdateConfig"),
        **_update_config(spec, "RollbackConfig"),
        **_endpoint(spec),
        "Mode": _mode(spec.get("Mode", {})),
    }


def _is_legacy(spec: Raw) -> bool:
    """Whether the service's networks are where API 1.24 has them; they are kept in both places then."""
    return bool(spec.get("Networks")) and not spec.get("TaskTemplate", {}).get("Networks")


def networks_of_task(spec: Raw) -> list[Raw]:
    """What a spec that is stored says of networks in its task template, and not in the older place."""
    attached: list[Raw] = spec["TaskTemplate"].get("Networks", [])
    return [] if attached == spec.get("Networks", []) else attached


def _with_network_ids(view: View, spec: Raw, local: Collection[str]) -> Raw:
    """The task template with IDs for its networks, or for those of the older place beside it."""
    template = spec.get("TaskTemplate", {})
    attached = template.get("Networks") or spec.get("Networks", [])
    if not attached:
        return dict(template)
    resolved = [
        {**network, "Target": _network_id(view, network.get("Target", ""), local)} for network in attached
    ]
    return {**template, "Networks": resolved}


def _network_id(view: View, target: str, local: Collection[str]) -> str:
    """The ID of a network by what the spec calls it. Raises what an unusable or unknown one means."""
    living = networks.living(view)
    try:
        return access.resolve(
            "network", living, target, lambda network: network.name == target, SkerryError
        ).id
    except InvalidParameter:
        raise
    except SkerryError as error:
        if target in PREDEFINED:
            raise NotFound(f"could not find the corresponding predefined swarm network: {error}") from error
        if target in local:
            raise Forbidden(
                f"The network {target} cannot be used with services. Only networks scoped to the swarm can "
                "be used, such as those created with the overlay driver."
            ) from error
        raise


def _template(template: Raw) -> Raw:
    if template.get("Runtime", "container") not in ("container", "plugin"):
        raise InvalidParameter("unsupported runtime")
    if template.get("Runtime") == "plugin" or "ContainerSpec" not in template:
        raise InvalidParameter("mismatched Runtime and *Spec fields")
    converted = {**template, "ContainerSpec": _container(template["ContainerSpec"])}
    converted["ForceUpdate"] = template.get("ForceUpdate", 0)
    converted["Runtime"] = "container"
    if "RestartPolicy" in template:
        converted["RestartPolicy"] = _restart_policy(template["RestartPolicy"])
    if "Preferences" in template.get("Placement", {}):
        converted["Placement"] = _placement(template["Placement"])
    return converted


def _container(container: Raw) -> Raw:
    """A container spec with what the converter writes into it; what it refuses is an InvalidParameter."""
    if "CredentialSpec" in container.get("Privileges", {}):
        _check_credentials(container["Privileges"]["CredentialSpec"])
    for reference in container.get("Configs", []):
        if "File" in reference and "Runtime" in reference:
            raise InvalidParameter("invalid Config: cannot specify both File and Runtime")
        if "File" not in reference and "Runtime" not in reference:
            raise InvalidParameter("invalid Config: either File or Runtime should be set")
    isolation = _word(container.get("Isolation", ""), ("default", "process", "hyperv"))
    converted = {**container, "Isolation": isolation}
    if "Privileges" in container:
        converted["Privileges"] = _privileges(container["Privileges"])
    if retries := container.get("Healthcheck", {}).get("Retries"):
        converted["Healthcheck"] = {**container["Healthcheck"], "Retries": _int32(retries)}
    if "Mounts" in container:
        converted["Mounts"] = [_mount(mount) for mount in container["Mounts"]]
    return converted


def _int32(number: int) -> int:
    """What is left of a number in 32 bits, as Docker stores it."""
    return (number + 2**31) % 2**32 - 2**31


def _privileges(privileges: Raw) -> Raw:
    """A mode that is none becomes the default, without a word."""
    converted = dict(privileges)
    for key, modes in CONFINEMENTS.items():
        if key in privileges:
            mode = privileges[key].get("Mode", "")
            converted[key] = {**privileges[key], "Mode": mode if mode in modes else "default"}
    return converted


def _check_credentials(spec: Raw) -> None:
    sources = [f'"{word.lower()}"' for word in ("Config", "File", "Registry") if spec.get(word)]
    if not sources:
        raise InvalidParameter(
            'invalid CredentialSpec: must either provide "file", "registry", or "config" for credential spec'
        )
    if len(sources) == 2:
        raise InvalidParameter(
            f"invalid CredentialSpec: cannot specify both {sources[0]} and {sources[1]} credential specs"
        )
    if len(sources) > 2:
        listed = f"{', '.join(sources[:-1])}, and {sources[-1]}"
        raise InvalidParameter(f"invalid CredentialSpec: cannot specify both {listed} credential specs")


def _mount(mount: Raw) -> Raw:
    """A mount with Docker's words for its type and propagation in lower case; others are refused."""
    kind = mount.get("Type", "")
    if kind and kind.lower() not in MOUNT_TYPES:
        raise InvalidParameter(f"invalid MountType: {quote(kind)}")
    options = mount.get("BindOptions", {})
    propagation = options.get("Propagation", "")
    if propagation and propagation.lower() not in PROPAGATIONS:
        raise InvalidParameter(f"invalid MountPropagation: {quote(propagation)}")
    converted = {key: value for key, value in mount.items() if key not in ("BindOptions", "Consistency")}
    if options:
        converted["BindOptions"] = {
            **options,
            **({"Propagation": propagation.lower()} if propagation else {}),
        }
    return {**converted, "Type": kind.lower() or "bind"}


def _restart_policy(policy: Raw) -> Raw:
    condition = policy.get("Condition", defaults.RESTART_CONDITION)
    if condition not in ("none", "on-failure", "any"):
        raise InvalidParameter(f"invalid RestartCondition: {quote(condition)}")
    return {**policy, "Condition": condition, "MaxAttempts": policy.get("MaxAttempts", 0)}


def _placement(placement: Raw) -> Raw:
    """Preferences that prefer nothing are dropped."""
    preferences = [preference for preference in placement["Preferences"] if "Spread" in preference]
    converted = {key: value for key, value in placement.items() if key != "Preferences"}
    return {**converted, "Preferences": preferences} if preferences else converted


def _update_config(spec: Raw, name: str) -> Raw:
    """The settings of an update or a rollback with the few defaults that Docker stores."""
    if name not in spec:
        return {}
    config = spec[name]
    action, order = (
        config.get("FailureAction", defaults.FAILURE_ACTION),
        config.get("Order") or defaults.UPDATE_ORDER,
    )
    if action not in ("pause", "continue", "rollback"):
        raise InvalidParameter(f"unrecognized update failure action {action}")
    if order not in ("stop-first", "start-first"):
        raise InvalidParameter(f"unrecognized update order {order}")
    always: dict[str, Any] = {"Parallelism": 0, "MaxFailureRatio": 0, **config}
    return {name: {**always, "FailureAction": action, "Order": order}}


def _endpoint(spec: Raw) -> Raw:
    """Unknown protocols and publish modes become what Docker's converter makes of them: its first word."""
    if "EndpointSpec" not in spec:
        return {}
    endpoint = spec["EndpointSpec"]
    mode = endpoint.get("Mode", "vip")
    if mode not in ("vip", "dnsrr"):
        raise InvalidParameter(f"invalid resolution mode: {quote(mode)}")
    converted = {**endpoint, "Mode": mode}
    if "Ports" in endpoint:
        converted["Ports"] = [
            {
                **port,
                "Protocol": _word(port.get("Protocol", ""), ("tcp", "udp", "sctp")),
                "PublishMode": _word(port.get("PublishMode", ""), ("ingress", "host")),
            }
            for port in endpoint["Ports"]
        ]
    return {"EndpointSpec": converted}


def _word(value: str, words: tuple[str, ...]) -> str:
    return value.lower() if value.lower() in words else words[0]


def _mode(mode: Raw) -> Raw:
    """Exactly one mode, with its numbers."""
    named = [word for word in MODES if word in mode]
    if len(named) > 1:
        raise InvalidParameter("must specify only one service mode")
    match named:
        case ["Global"]:
            return {"Global": {}}
        case ["GlobalJob"]:
            return {"GlobalJob": {}}
        case ["ReplicatedJob"]:
            most = mode["ReplicatedJob"].get("MaxConcurrent", 1)
            total = mode["ReplicatedJob"].get("TotalCompletions", most)
            return {"ReplicatedJob": {"MaxConcurrent": most, "TotalCompletions": total}}
    return {"Replicated": {"Replicas": mode.get("Replicated", {}).get("Replicas", 1)}}
