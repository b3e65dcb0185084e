"""Where the fields of a service's spec are written down: the modules that are a table of them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from bench.shape.source import Module

# fmt: off
FIELDS = frozenset((
    "TaskTemplate", "Mode", "UpdateConfig", "RollbackConfig", "EndpointSpec", "ContainerSpec",
    "PluginSpec", "Resources", "RestartPolicy", "Placement", "LogDriver", "ForceUpdate", "Runtime",
    "Image", "Hostname", "Command", "Args", "Env", "Dir", "User", "Groups", "Privileges", "Init",
    "StopSignal", "TTY", "OpenStdin", "ReadOnly", "Mounts", "StopGracePeriod", "Healthcheck",
    "Hosts", "DNSConfig", "Secrets", "Configs", "Isolation", "Sysctls", "CapabilityAdd",
    "CapabilityDrop", "Ulimits", "Parallelism", "Delay", "FailureAction", "Monitor",
    "MaxFailureRatio", "Order", "Condition", "MaxAttempts", "Window", "Constraints", "Preferences",
    "MaxReplicas", "Platforms", "Limits", "Reservations", "NanoCPUs", "MemoryBytes", "Pids",
    "GenericResources", "TargetPort", "PublishedPort", "PublishMode", "Replicas", "MaxConcurrent",
    "TotalCompletions",
))
"""Names that Docker's API has in a service's spec and its parts."""
# fmt: on

SHARE = 2 / 3
"""A module that names so much of them writes the spec down; one that only reads some fields is none."""


def spec_tables(modules: Iterable[Module]) -> list[str]:
    """The modules in which most fields' names stand, as words or as attributes in Python's spelling."""
    pythonic = {_pythonic(field): field for field in FIELDS}
    names = []
    for module in modules:
        fields = {pythonic.get(word, word) for word in _words(module)} & FIELDS
        if len(fields) >= SHARE * len(FIELDS):
            names.append(module.name)
    return names


def _pythonic(field: str) -> str:
    """`MaxFailureRatio` as `max_failure_ratio`; runs of capitals stay together."""
    text = ""
    for before, letter in zip(" " + field, field, strict=False):
        text += ("_" if letter.isupper() and before.islower() else "") + letter.lower()
    return text


def _words(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
