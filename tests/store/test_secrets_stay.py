"""Where the content of a secret can be read: in the files of its tasks, and nowhere else."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.processes import processes_of
from harness.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


def places(world: World) -> Iterator[tuple[str, bytes]]:
    """Everything that a world writes down or shows, by name."""
    yield from files(world.root)
    for pid in processes_of(world.root, []):
        for name in ("cmdline", "environ"):
            yield f"{name} of {pid}", read(Path(f"/proc/{pid}/{name}"))
    for words in (("secret", "inspect", "key"), ("service", "inspect", "web"), ("service", "ps", "web")):
        yield " ".join(words), world.docker(*words).encode()
    yield "events", world.docker("events", "--since", "1h", "--until", "0s").encode()
    yield "status", world.skerry("status", "--json").encode()


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What is written down below a folder."""
    for place, _, names in os.walk(folder):  # which passes over what goes meanwhile
        for path in (Path(place, name) for name in names):
            if path.is_file() and not path.is_symlink():
                yield f"{path.relative_to(folder)}", read(path)


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # a process has ended; or it is a namespace
        return b""


def test_the_content_of_a_secret_is_in_its_tasks_files_alone(world: World) -> None:
    content = secrets.token_hex(16)
    source = world.root / "source"
    source.write_text(content)
    world.docker("secret", "create", "key", str(source))
    source.unlink()
    world.docker("secret", "create", "key", "/etc/hostname", check=False)  # refused, as it is there
    world.docker("service", "create", "--detach", "--name", "web", "--secret", "key", "box:1")
    wait_until(lambda: len(world.api().containers("web")) == 1, "it runs", 60)
    task = world.docker("ps", "--quiet", "--filter", "name=web.1")
    assert world.docker("exec", task, "cat", "/run/secrets/key") == content
    shown = [
        name
        for name, text in places(world)
        if content.encode() in text or base64.b64encode(content.encode()) in text
    ]
    assert [name.split("/")[:2] for name in shown] == [["r", "tasks"]]
    world.kill_skerryd()
    assert not [name for name, text in files(world.data_dir) if content.encode() in text]
