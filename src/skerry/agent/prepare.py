"""Everything up to READY: the image, the files, the volumes, the container, its networks."""

from __future__ import annotations

import asyncio
import dataclasses

import structlog
from msgspec.structs import replace

from skerry.agent.actor_deps import AgentDeps
from skerry.agent.container import Blueprint, blueprint
from skerry.agent.report import advance
from skerry.agent.seat import seat
from skerry.agent.task_folders import MissingError, task_files
from skerry.agent.waits import first
from skerry.core.apisocket import ApiSocket
from skerry.engine.port import EngineError
from skerry.model.errors import SkerryError
from skerry.model.facts import Facts, bounded
from skerry.model.labels import INSTANCE
from skerry.model.objects import Raw, Task
from skerry.model.states import TaskState

log = structlog.get_logger()


async def prepare(parts: AgentDeps, task: Task, ending: asyncio.Event) -> str:
    """Make a task's container, as far as it is not there; its ID. Empty where `ending` came in the way.

    Raises whatever makes it impossible (its text becomes the task's Err) and EngineUnreachable (try again).
    """
    if task.spec.fault:
        raise SkerryError(f"the stored spec can't be read: {task.spec.fault}; update the service")
    image = await _image(parts, task, ending)
    if image is None:
        return ""
    which, _ = await first(parts.traffic.joinable(task), ending.wait())
    if which == 1:
        return ""
    plan = await plan_of(parts, await seat(parts, task))
    for volume in plan.volumes:
        await parts.engine.post("/volumes/create", volume)
    labels = {**plan.body["Labels"], INSTANCE: parts.instance}
    body = {
        **plan.body,
        "Labels": labels,
        "Image": image,
    }  # what the reference meant, if it is here
    container = await parts.engine.create_container(task.name, body)
    for name, settings in plan.further:
        await parts.engine.connect(name, container, settings)
    return container


async def plan_of(parts: AgentDeps, task: Task, strict: bool = False) -> Blueprint:
    """The container's blueprint, its files written. A config or secret that is gone is an error only
    where `strict`: Swarm notices it when the task starts."""
    return await asyncio.to_thread(_plan, parts, task, strict)  # templates may take their time


def _plan(parts: AgentDeps, task: Task, strict: bool) -> Blueprint:
    view = parts.store.view
    mounts: list[Raw] = []
    try:
        mounts = parts.folders.write(task.id, task_files(task, view))
    except MissingError:
        if strict:
            raise
    plan = parts.resolvers.given(task.id, blueprint(task, view, mounts))
    return _with_the_api(plan, parts.api_socket, task)


def _with_the_api(plan: Blueprint, socket: ApiSocket | None, task: Task) -> Blueprint:
    """The same with skerry's socket where the task binds the engine's."""
    if socket is None:
        return plan
    host = socket.host_config(plan.body["HostConfig"], task.labels, plan.body["Labels"])
    return dataclasses.replace(plan, body={**plan.body, "HostConfig": host})


async def _image(parts: AgentDeps, task: Task, ending: asyncio.Event) -> str | None:
    """The image to create with: the task's content or else its reference, pulled unless it is here. Where
    that fails, creating says so, in Docker's words. None where `ending` came in the way."""
    container = task.spec.typed.container_spec
    reference = container.image
    if container.content and await parts.images.is_here(container.content):
        return container.content
    if container.content and "@" not in reference:
        raise SkerryError(
            f"No such image: {reference} as it was, {container.content}, is gone from this node"
        )
    if await parts.images.is_here(reference):
        return reference
    await parts.reporter.edit(task.id, lambda row, now: advance(row, TaskState.PREPARING, now))
    try:
        which, _ = await first(parts.engine.pull(reference, task.registry_auth), ending.wait())
    except EngineError as error:
        log.warning("the image cannot be pulled", task=task.name, image=reference, error=error.message)
        facts = Facts(pull=bounded(error.message))
        await parts.reporter.edit(task.id, lambda row, now: replace(row, facts=replace(facts, at=now)))
        return reference
    return reference if which == 0 else None
