"""`skerry export`: a stack as a compose file, alone or with its configs beside it."""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
from pathlib import Path

import yaml

from skerry.cli.client import DockerClient
from skerry.cli.outgrow import snapshot
from skerry.cli.outgrow.compose import Exported, export
from skerry.cli.outgrow.snapshot import Snapshot
from skerry.cli.printable import on_one_line
from skerry.model.objects import Raw

FILE = "docker-compose.yml"
CONFIGS = "configs"


NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9_.-]{0,62}[a-zA-Z0-9])?")
"""What Swarm takes as the name of a config."""


class Unsafe(Exception):
    """What is there can't be written to a folder; the message is a sentence. Nothing was written."""


class NoSuchStack(Exception):
    """No service there belongs to the stack; the message is a sentence."""


def read_stack(client: DockerClient, stack: str) -> Snapshot:
    """What a stack consists of. Raises NoSuchStack, Refused, Unreachable."""
    whole = snapshot.read(client)
    part = snapshot.part(whole, [stack])
    if not part.services:
        known = ", ".join(sorted(snapshot.stacks_of(whole))) or "none"
        raise NoSuchStack(f"no service of {client.name} belongs to a stack {stack}; stacks there: {known}")
    return part


def as_text(stack: str, part: Snapshot) -> tuple[str, Exported]:
    """The compose file as text; configs and secrets are taken for granted."""
    exported = export(stack, part)
    return render(stack, exported), exported


def write(stack: str, part: Snapshot, folder: Path) -> Exported:
    """The compose file in a folder, with the content of the stack's configs in files. Raises OSError; Unsafe
    where a config would lie somewhere else: its name is another machine's, and that may be anybody's."""
    contents = {name: _content(name, config["Spec"]) for name, config in part.configs.items()}
    if (folder / CONFIGS).is_symlink():
        raise Unsafe(f"{folder / CONFIGS} is a symbolic link: remove it, or choose another folder")
    (folder / CONFIGS).mkdir(parents=True, exist_ok=True)
    exported = export(stack, part, {name: f"./{CONFIGS}/{name}" for name in contents})
    for name, content in contents.items():
        _put(folder / CONFIGS / name, content)
    _put(folder / FILE, render(stack, exported).encode())
    return exported


def _content(name: str, spec: Raw) -> bytes:
    if not NAME.fullmatch(name):
        raise Unsafe(f"there is a config named {name[:200]!r}, which can't be the name of a file")
    try:
        return base64.b64decode(spec.get("Data") or "", validate=True)
    except (ValueError, TypeError, binascii.Error) as error:
        raise Unsafe(f"the content of the config {name} can't be read: {error}") from error


def _put(path: Path, content: bytes) -> None:
    """A whole file in the place of whatever has the name, a link to another place included."""
    draft = path.with_name(f".{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
        file.write(content)
    try:
        draft.replace(path)
    except OSError:
        draft.unlink()
        raise


def render(stack: str, exported: Exported) -> str:
    """YAML, with what must be there first and what is lost as comments at the top."""
    lines = [f"The stack {stack}: docker stack deploy --compose-file {FILE} {stack}"]
    lines += [f"These {kind} must be there first: {', '.join(names)}" for kind, names in exported.needed()]
    lines += [f"Lost: {loss}" for loss in exported.losses]
    head = "".join(f"# {on_one_line(line)}\n" for line in lines)
    return head + yaml.safe_dump(exported.file, sort_keys=False, allow_unicode=True, width=100)
