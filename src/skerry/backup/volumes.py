"""The volumes of a backup: which ones services have, whether they can be copied, who writes to them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from skerry.archive.manifest import VolumeEntry
from skerry.core.naming import stack_of
from skerry.core.view import View
from skerry.engine.client import DockerEngine
from skerry.engine.embedded import is_anonymous
from skerry.engine.port import EngineError
from skerry.model.container_labels import SERVICE_ID, TASK_ID
from skerry.model.objects import Raw, Service

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
"""The names that the engine gives a volume's folder."""


@dataclass(frozen=True)
class Volume:
    """A volume as a backup has it, and where its content is on this machine; None: it can't be copied."""

    entry: VolumeEntry
    folder: Path | None


@dataclass(frozen=True)
class Writer:
    """A container that may write to a volume; `task` is the task's ID, where it is one's."""

    container: str
    name: str
    task: str = ""


async def volumes_of(engine: DockerEngine, services: Iterable[Service]) -> list[Volume]:
    """Those that services name, and those that their containers have. The ones that the engine made up for a
    container go with it, and are none of these."""
    stacks: dict[str, set[str]] = {}
    for service in services:
        for name in {*_named(service), *await _mounted(engine, service)}:
            stacks.setdefault(name, set()).add(stack_of(service.spec.typed.labels))
    known = [await _look(engine, name, sorted(stacks[name] - {""})) for name in sorted(stacks)]
    return [volume for volume in known if volume is not None]


def _named(service: Service) -> list[str]:
    mounts = service.spec.typed.task_template.container_spec.mounts
    return [mount.source for mount in mounts if mount.type == "volume" and mount.source]


async def _mounted(engine: DockerEngine, service: Service) -> list[str]:
    """What the names of a template became is known by its containers alone."""
    rows = await _containers(engine, {"label": [f"{SERVICE_ID}={service.id}"]})
    return [name for row in rows for name, _ in _mounts(row) if not is_anonymous(name)]


async def _look(engine: DockerEngine, name: str, stacks: list[str]) -> Volume | None:
    """A volume as the engine knows it; None where it does not."""
    try:
        shown = await engine.get(f"/volumes/{name}")
    except EngineError as error:
        if error.status in (400, 404):
            return None
        raise
    why = _why_not(shown)
    part = "" if why else f"volumes/{name}.tar.gz"
    driver, options, labels = str(shown["Driver"]), shown.get("Options"), shown.get("Labels")
    entry = VolumeEntry(name, driver, options, labels, stacks, part, why)
    return Volume(entry, None if why else Path(shown["Mountpoint"]))


def _why_not(shown: Raw) -> str:
    """Why the content of a volume can't be copied, or ""."""
    if shown["Driver"] != "local":
        return f"its driver {shown['Driver']} keeps its content elsewhere"
    if options := shown.get("Options"):
        return f"it is mounted from elsewhere ({options.get('device', 'its options say where')})"
    if not NAME.fullmatch(str(shown["Name"])):
        return "its name is none of the engine's"
    if not Path(shown["Mountpoint"]).is_dir():
        return f"{shown['Mountpoint']} can't be seen from here"
    return ""


async def writers_of(engine: DockerEngine, volumes: Iterable[Volume]) -> list[Writer]:
    """Every container that runs and may write to one of these, whoever's it is."""
    names = {volume.entry.name for volume in volumes}
    writers = []
    for row in await _containers(engine, {"status": ["running"], "volume": sorted(names)}):
        if any(name in names and may_write for name, may_write in _mounts(row)):
            labels = row.get("Labels") or {}
            writers.append(Writer(str(row["Id"]), row["Names"][0].lstrip("/"), str(labels.get(TASK_ID, ""))))
    return writers


async def _containers(engine: DockerEngine, filters: dict[str, list[str]]) -> list[Raw]:
    return await engine.get_list("/containers/json", all="true", filters=json.dumps(filters))


def _mounts(row: Raw) -> list[tuple[str, bool]]:
    """The volumes of a container, as listed, each with whether it may write there."""
    mounts = [mount for mount in row.get("Mounts") or () if mount.get("Type") == "volume"]
    return [(str(mount.get("Name", "")), bool(mount.get("RW"))) for mount in mounts if mount.get("Name")]


def services_of(view: View, stacks: Iterable[str]) -> list[Service]:
    """The services of these stacks; of none: all."""
    wanted = set(stacks)
    services = sorted(view.services.values(), key=lambda service: service.name)
    return [service for service in services if not wanted or stack_of(service.spec.typed.labels) in wanted]
