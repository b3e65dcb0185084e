"""What a service of skerry's has to be on a Swarm cluster, and what will be otherwise there, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator

from skerry.model.defaults import HEALTH_INTERVAL, SECOND
from skerry.model.labels import LABELS, PREFIX
from skerry.model.objects import Raw
from skerry.model.times import in_words

START_INTERVAL = 1 * SECOND
START_INTERVAL_SINCE = (1, 44)
"""The API version with Healthcheck.StartInterval."""

GENERAL = (
    "while no task of a service is ready, connections there are refused; here they are held",
    "a task that stops there gets SIGTERM 2 s after it left the table; "
    "here requests in flight are answered first",
)
"""What holds for every service that has clients."""


def for_swarm(spec: Raw, image: str, api: tuple[int, int], check: Raw | None) -> Raw:
    """The spec there: with this image, an order that Swarm can keep, and quick first health checks.

    `api` is the API version of the target, `check` the image's own HEALTHCHECK.
    """
    translated: Raw = json.loads(json.dumps(spec))
    container = translated["TaskTemplate"]["ContainerSpec"]
    container["Image"] = image
    if _overlaps_on_host_port(translated):
        for name in ("UpdateConfig", "RollbackConfig"):
            if (translated.get(name) or {}).get("Order") == "start-first":
                translated[name]["Order"] = "stop-first"
    health = _effective_check(container, check)
    if health is not None and api >= START_INTERVAL_SINCE and not health.get("StartInterval"):
        own = container.setdefault("Healthcheck", {})
        own["StartInterval"] = START_INTERVAL
        # it is heeded only within the start period
        own["StartPeriod"] = health.get("StartPeriod") or health.get("Interval") or HEALTH_INTERVAL
    return translated


def differences(spec: Raw, api: tuple[int, int], check: Raw | None) -> Iterator[str]:
    """Sentences about what this service will meet there."""
    container = spec["TaskTemplate"]["ContainerSpec"]
    for label, value in sorted({**(container.get("Labels") or {}), **(spec.get("Labels") or {})}.items()):
        if label.startswith(PREFIX):
            there = LABELS[label].on_swarm if label in LABELS else ""
            yield f"label {label}={value} has no effect there: {there or 'only skerry knows it'}"
    if _overlaps_on_host_port(spec):
        yield (
            "start-first on a host-mode port never ends there: "
            "its order becomes stop-first, with a gap on each node"
        )
    yield from _check_differences(container, api, check)
    yield from _port_differences(spec)
    yield from _place_differences(spec["TaskTemplate"])


def _check_differences(container: Raw, api: tuple[int, int], check: Raw | None) -> Iterator[str]:
    health = _effective_check(container, check)
    if health is None or health.get("StartInterval"):
        return
    interval = health.get("Interval") or HEALTH_INTERVAL
    if api >= START_INTERVAL_SINCE:
        first = in_words(START_INTERVAL)
        yield f"its health check gets a start interval of {first}, so that a new task is soon seen ready"
    else:
        yield f"a task is seen ready there after its first health check, {in_words(interval)} after its start"


def _port_differences(spec: Raw) -> Iterator[str]:
    ports = (spec.get("EndpointSpec") or {}).get("Ports") or []
    numbers = [str(port.get("PublishedPort") or port["TargetPort"]) for port in ports if not _on_host(port)]
    if numbers:
        listed = ", ".join(numbers)
        yield f"port {listed} is published by the routing mesh there: tasks do not see clients' addresses"


def _place_differences(template: Raw) -> Iterator[str]:
    for mount in template["ContainerSpec"].get("Mounts") or []:
        if mount.get("Type", "bind") == "bind":
            yield f"{mount.get('Source', '')} of the host is bound: it has to be on each node that runs it"
        if mount.get("Type") == "volume" and mount.get("Source"):
            yield f"volume {mount['Source']} is not copied: each node begins with an empty one of its own"
    for constraint in (template.get("Placement") or {}).get("Constraints") or []:
        if not constraint.replace(" ", "").startswith(("node.role", "node.platform")):
            yield f"constraint {constraint} is about this machine: nodes there have other names and labels"


def _overlaps_on_host_port(spec: Raw) -> bool:
    ports = (spec.get("EndpointSpec") or {}).get("Ports") or []
    orders = [(spec.get(name) or {}).get("Order") for name in ("UpdateConfig", "RollbackConfig")]
    return "start-first" in orders and any(_on_host(port) and port.get("PublishedPort") for port in ports)


def _on_host(port: Raw) -> bool:
    return bool(port.get("PublishMode") == "host")


def _effective_check(container: Raw, check: Raw | None) -> Raw | None:
    """The health check that a task will have: the service's over the image's; None where it has none."""
    own = {name: value for name, value in (container.get("Healthcheck") or {}).items() if value}
    both = {**(check or {}), **own}
    return both if both.get("Test") and both["Test"] != ["NONE"] else None
