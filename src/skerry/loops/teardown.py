"""Taking an instance apart: its containers and bridges off the engine, its files off the disk."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path

from skerry.core.view import View
from skerry.engine.port import Engine
from skerry.model.defaults import SECOND, STOP_GRACE_PERIOD
from skerry.model.labels import INSTANCE
from skerry.model.objects import Raw
from skerry.model.settings import Settings
from skerry.model.specs import read_template


async def stop_tasks(engine: Engine, view: View, instance: str, *, purge: bool) -> None:
    """Stop the containers of this swarm's tasks; with `purge` remove them, those that a former swarm of the
    instance left, and the bridges."""
    labels = [f"com.docker.swarm.node.id={view.node.id}"] if view.node is not None else []
    labels += [f"{INSTANCE}={instance}"] if purge else []
    containers = list({one["Id"]: one for label in labels for one in await _labelled(engine, label)}.values())
    await asyncio.gather(*(engine.stop_container(one["Id"], _grace_s(view, one)) for one in containers))
    if not purge:
        return
    await asyncio.gather(*(engine.remove_container(one["Id"]) for one in containers))
    for network in view.networks.values():
        if network.leg:
            await engine.remove_network(network.engine_name)


async def _labelled(engine: Engine, label: str) -> list[Raw]:
    return await engine.get_list("/containers/json", all="true", filters=json.dumps({"label": [label]}))


def _grace_s(view: View, container: Raw) -> int:
    """The grace period of the task that a container (as listed) is of, in whole seconds."""
    task = view.tasks.get((container.get("Labels") or {}).get("com.docker.swarm.task.id", ""))
    asked = read_template(task.spec).container.stop_grace_period if task is not None else None
    return (STOP_GRACE_PERIOD if asked is None else asked) // SECOND


RUN_FILES = ("skerryd.*", "gate.*", "engine", "engine.*", "tasks")
DATA_FILES = ("skerry.db*", ".skerry.db.*", "secret.key*", ".secret.key.*", "engine", "engine-before.json")


def remove_files(settings: Settings, *, purge: bool) -> None:
    """Remove what skerry made in the run directory, and with `purge` the state, and nothing else."""
    _unmount_below(Path(settings.run_dir))
    Path(settings.api_socket).unlink(missing_ok=True)
    _remove(Path(settings.run_dir), RUN_FILES)
    if purge:
        _remove(Path(settings.data_dir), DATA_FILES)


def _remove(folder: Path, patterns: tuple[str, ...]) -> None:
    for found in [path for pattern in patterns for path in folder.glob(pattern)]:
        if found.is_dir() and not found.is_symlink():
            shutil.rmtree(found, ignore_errors=True)
        else:
            found.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # somebody else's things are still in it
        folder.rmdir()


def _unmount_below(folder: Path) -> None:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    mounts = [line.split()[4].replace("\\040", " ") for line in lines]
    for mount in reversed(mounts):
        if Path(mount).is_relative_to(os.path.realpath(folder)):
            subprocess.run(["umount", "-l", mount], check=False, capture_output=True)
