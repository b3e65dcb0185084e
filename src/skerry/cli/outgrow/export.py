"""`skerry export`: a stack as a compose file, alone or with its configs beside it."""

from __future__ import annotations

import base64
from pathlib import Path

import yaml

from skerry.cli.client import Client
from skerry.cli.outgrow import snapshot
from skerry.cli.outgrow.compose import Exported, export
from skerry.cli.outgrow.snapshot import Snapshot

FILE = "docker-compose.yml"
CONFIGS = "configs"


class NoSuchStack(Exception):
    """No service there belongs to the stack; the message is a sentence."""


def read_stack(client: Client, stack: str) -> Snapshot:
    """What a stack consists of. Raises NoSuchStack, Refused, Unreachable."""
    whole = snapshot.read(client)
    found = snapshot.part(whole, [stack])
    if not found.services:
        known = ", ".join(sorted(snapshot.stacks_of(whole))) or "none"
        raise NoSuchStack(f"no service of {client.name} belongs to a stack {stack}; stacks there: {known}")
    return found


def as_text(stack: str, found: Snapshot) -> tuple[str, Exported]:
    """The compose file as text; configs and secrets are taken for granted."""
    exported = export(stack, found)
    return render(stack, exported), exported


def write(stack: str, found: Snapshot, folder: Path) -> Exported:
    """The compose file in a folder, with the content of the stack's configs in files. Raises OSError."""
    (folder / CONFIGS).mkdir(parents=True, exist_ok=True)
    files = {name: f"./{CONFIGS}/{name}" for name in found.configs}
    exported = export(stack, found, files)
    for name, config in found.configs.items():
        (folder / CONFIGS / name).write_bytes(base64.b64decode(config["Spec"].get("Data", "")))
    (folder / FILE).write_text(render(stack, exported))
    return exported


def render(stack: str, exported: Exported) -> str:
    """YAML, with what must be there first and what is lost as comments at the top."""
    lines = [f"The stack {stack}: docker stack deploy --compose-file {FILE} {stack}"]
    lines += [f"These {kind} must be there first: {', '.join(names)}" for kind, names in exported.needed()]
    lines += [f"Lost: {loss}" for loss in exported.losses]
    head = "".join(f"# {line}\n" for line in lines)
    return head + yaml.safe_dump(exported.file, sort_keys=False, allow_unicode=True, width=100)
