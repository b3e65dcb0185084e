"""Taking an instance apart: its containers and bridges off the engine, its files off the disk.

Volumes are what nobody can make again: they go only where that is asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from pathlib import Path

import structlog

from skerry.core.view import View
from skerry.engine.choose import running_engine
from skerry.engine.client import DockerEngine
from skerry.engine.embedded import Embedded, is_anonymous
from skerry.engine.kept_images import let_go, tags_of
from skerry.engine.port import EngineError, EngineUnreachable
from skerry.linux import mounts
from skerry.loops.engine import engine_options
from skerry.model.container_labels import NODE_ID, TASK_ID
from skerry.model.defaults import SECOND, STOP_GRACE_PERIOD
from skerry.model.errors import SkerryError
from skerry.model.identity import Identity
from skerry.model.labels import INSTANCE
from skerry.model.objects import Raw
from skerry.model.settings import DATA_FILES, RUN_FILES, Settings
from skerry.network.kernel import KernelNetwork
from skerry.store.sqlite import SqlitePersistence

log = structlog.get_logger()


async def take_down(settings: Settings, *, purge: bool, volumes: bool) -> None:
    """Stop everything of an instance whose daemon has ended; with `purge` remove its state, too."""
    run_dir, data_dir = Path(settings.run_dir), Path(settings.data_dir)
    view, identity = _stored(settings, forgiving=purge)
    engine = await running_engine(engine_options(settings, identity, view))
    if engine is not None:
        await _stop_tasks(engine, view, settings.name, purge=purge, volumes=volumes)
        await engine.close()
    elif purge and identity is not None and not identity.private and view.node is not None:
        raise EngineUnreachable(
            f"the engine at {identity.socket} does not answer, so this swarm's containers and networks can't "
            "be removed from it, and nothing was: start it first"
        )
    await KernelNetwork(run_dir, settings.name).purge()
    private = Embedded(run_dir, data_dir)
    await (private.purge() if purge else private.stop(containers=True))
    _remove_files(settings, private, purge=purge, volumes=volumes)


async def what_goes(settings: Settings) -> dict[str, list[str]]:
    """What a purge removes for good, by kind; volumes only where that is asked for."""
    view, identity = _stored(settings, forgiving=True)
    private = Embedded(Path(settings.run_dir), Path(settings.data_dir))
    goods = {
        "services": [service.name for service in view.services.values()],
        "secrets": [secret.name for secret in view.secrets.values()],
        "configs": [config.name for config in view.configs.values()],
        "networks": [row.name for row in view.networks.values() if not (row.predefined or row.removed)],
        "volumes": private.volumes,
    }
    engine = await running_engine(engine_options(settings, identity, view))
    if engine is not None:
        try:
            if engine.socket == private.socket:
                images = await engine.get_list("/images/json")
                goods["images"] = [(row.get("RepoTags") or [str(row["Id"])])[0] for row in images]
            else:
                containers = await _containers(engine, view, settings.name)
                goods["volumes"] += _volumes_of(containers)
                goods["images"] = [*await tags_of(engine, settings.name)]
        finally:
            await engine.close()
    return {kind: sorted(names) for kind, names in goods.items()}


def _stored(settings: Settings, *, forgiving: bool) -> tuple[View, Identity | None]:
    """The state, and the engine that it is on; a damaged one is no reason not to remove everything."""
    if not Path(settings.database).exists():
        return View(), None
    try:
        persistence = SqlitePersistence(Path(settings.database), Path(settings.key_file))
        try:
            return persistence.load(), persistence.engine
        finally:
            persistence.close()
    except SkerryError as error:
        if not forgiving:
            raise
        log.warning("the state can't be read", why=error.message)
        return View(), None


async def _stop_tasks(engine: DockerEngine, view: View, instance: str, *, purge: bool, volumes: bool) -> None:
    """Stop the containers of this swarm's tasks; with `purge` remove them, those that a former swarm of the
    instance left, and the bridges, with `volumes` also their named volumes."""
    containers = await _containers(engine, view, instance if purge else "")
    await asyncio.gather(*(engine.stop_container(row["Id"], _grace_s(view, row)) for row in containers))
    if not purge:
        return
    await asyncio.gather(*(engine.remove_container(row["Id"]) for row in containers))
    await let_go(engine, instance)
    for network in view.networks.values():
        if not network.predefined:
            await engine.remove_network(network.engine_name)
    for name in _volumes_of(containers) if volumes else ():
        with contextlib.suppress(EngineError):  # somebody else has it too
            await engine.remove_volume(name)


async def _containers(engine: DockerEngine, view: View, instance: str) -> list[Raw]:
    """Those of this swarm's tasks, and of former swarms of an instance where one is named."""
    labels = [f"{NODE_ID}={view.node.id}"] if view.node is not None else []
    labels += [f"{INSTANCE}={instance}"] if instance else []
    containers: dict[str, Raw] = {}
    for label in labels:
        filters = json.dumps({"label": [label]})
        for row in await engine.get_list("/containers/json", all="true", filters=filters):
            containers[row["Id"]] = row
    return list(containers.values())


def _volumes_of(containers: list[Raw]) -> list[str]:
    mounts = [mount for row in containers for mount in row.get("Mounts") or ()]
    names = {str(mount.get("Name", "")) for mount in mounts if mount.get("Type") == "volume"}
    return sorted(name for name in names if name and not is_anonymous(name))


def _grace_s(view: View, container: Raw) -> int:
    """The grace period of the task that a container (as listed) is of, in whole seconds."""
    task = view.tasks.get((container.get("Labels") or {}).get(TASK_ID, ""))
    period = STOP_GRACE_PERIOD if task is None else task.spec.typed.container_spec.stop_grace_period
    return period // SECOND


def _remove_files(settings: Settings, private: Embedded, *, purge: bool, volumes: bool) -> None:
    """Remove what skerry made in the run directory, with `purge` the state, and with `volumes` those of a
    private engine; nothing else."""
    mounts.unmount_below(Path(settings.run_dir))
    Path(settings.api_socket).unlink(missing_ok=True)
    _remove(Path(settings.run_dir), RUN_FILES)
    if purge:
        private.remove_data(volumes=volumes)
        _remove(Path(settings.data_dir), DATA_FILES)


def _remove(folder: Path, patterns: tuple[str, ...]) -> None:
    for path in [path for pattern in patterns for path in folder.glob(pattern)]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # somebody else's things are still in it
        folder.rmdir()
