"""Configs and secrets whose content changes: each content has a name of its own, `shop_site`, `shop_site-v2`.

Swarm can't change the content of a config or secret, and tells nobody that of a secret. So the newest name
that is there is tried first, and where the daemon says that the content is another one, the next. Services
that get it are rolled, and the way back leads to the old name, which is there as long as the stack is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from skerry.cli.client import DockerClient
from skerry.cli.compose.stack_request import StackRequest
from skerry.model.objects import Raw

KINDS = ("Config", "Secret")
_OTHER_CONTENT = re.compile(r"^(config|secret) (\S+): .*only updates to Labels are allowed$")
_VERSION = re.compile(r"-v([0-9]+)$")


def take_newest(api: DockerClient, stack: StackRequest) -> None:
    """Have the stack name the newest version of each config and secret whose name the file leaves open."""
    for kind in KINDS:
        if not any(spec["Name"] in stack.versioned for spec in stack.body[f"{kind}s"]):
            continue
        present = {str(row["Spec"]["Name"]) for row in api.get(f"/{kind.lower()}s")}
        for spec in stack.body[f"{kind}s"]:
            if spec["Name"] in stack.versioned and (newest := _newest(spec["Name"], present)):
                _rename(stack, kind, spec, newest)


def take_next(stack: StackRequest, refusal: str) -> bool:
    """Have the stack name the next version of what the daemon says has another content; whether that is all
    that it says."""
    lines = refusal.splitlines()
    changed = {(match[1].capitalize(), match[2]) for line in lines if (match := _OTHER_CONTENT.match(line))}
    ours = {(kind, name) for kind, name in changed if _VERSION.sub("", name) in stack.versioned}
    if not ours or len(ours) < len(lines):
        return False
    for kind, name in ours:
        spec = next(spec for spec in stack.body[f"{kind}s"] if spec["Name"] == name)
        _rename(stack, kind, spec, f"{_VERSION.sub('', name)}-v{_number(name) + 1}")
    return True


def _newest(name: str, present: Iterable[str]) -> str:
    versions = [other for other in present if _VERSION.sub("", other) == name]
    return max(versions, key=_number, default="")


def _number(name: str) -> int:
    match = _VERSION.search(name)
    return int(match[1]) if match else 1


def _rename(stack: StackRequest, kind: str, spec: Raw, name: str) -> None:
    """In its own spec, and wherever a service refers to it."""
    for service in stack.body["Services"]:
        for reference in service["TaskTemplate"]["ContainerSpec"].get(f"{kind}s") or []:
            if reference[f"{kind}Name"] == spec["Name"]:
                reference[f"{kind}Name"] = name
    spec["Name"] = name
