"""Placement constraints: whether a node is one on which a task may run.

Source: swarmkit `constraint`. Keys and values are compared without regard to case.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence

from skerry.model.objects import Node
from skerry.model.specs import Placement, Platform

_CONSTRAINT = re.compile(r"^\s*([^!=\s]+)\s*(==|!=)\s*(.*?)\s*$")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def fits(placement: Placement, node: Node) -> bool:
    """Whether a node is one that a task template asks for: constraints and platforms."""
    if not placement.constraints and not placement.platforms:
        return True
    return constraints_met(placement.constraints, node) and platform_met(placement.platforms, node)


def constraints_met(constraints: Iterable[str], node: Node) -> bool:
    """Whether the node satisfies all of e.g. `["node.role == manager"]`; an unknown key never matches."""
    return all(_constraint_met(constraint, node) for constraint in constraints)


def platform_met(platforms: Sequence[Platform], node: Node) -> bool:
    """Whether the node is of one of the platforms, where any is named."""
    here = node.description.get("Platform", {})
    return not platforms or any(
        _alike(platform.architecture, here.get("Architecture", ""))
        and _alike(platform.os, here.get("OS", ""))
        for platform in platforms
    )


def _alike(required: str, actual: str) -> bool:
    return not required or ARCHITECTURES.get(required, required) == ARCHITECTURES.get(actual, actual)


def _constraint_met(constraint: str, node: Node) -> bool:
    match = _CONSTRAINT.match(constraint)
    if match is None:
        return False
    key, operator, value = match.groups()
    actual = _attribute(key, node)
    if actual is None:
        return False
    by_address = key.lower() == "node.ip"
    equal = _address_in(actual, value) if by_address else actual.lower() == value.lower()
    return equal == (operator == "==")


def _attribute(key: str, node: Node) -> str | None:
    """The node's value of what a constraint is about; None for a key that nobody knows."""
    platform = node.description.get("Platform", {})
    fixed = {
        "node.id": node.id,
        "node.hostname": node.hostname,
        "node.ip": node.address,
        "node.role": node.role,
        "node.platform.os": str(platform.get("OS", "")),
        "node.platform.arch": str(platform.get("Architecture", "")),
    }
    lower = key.lower()
    if lower in fixed:
        return fixed[lower]
    if lower.startswith("node.labels."):
        return node.labels.get(key[len("node.labels.") :], "")
    if lower.startswith("engine.labels."):
        labels = node.description.get("Engine", {}).get("Labels") or {}
        return str(labels.get(key[len("engine.labels.") :], ""))
    return None


def _address_in(address: str, block: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(block, strict=False)
    except ValueError:
        return False
