"""The end of a swarm on the engine: before `swarm leave` answers, its tasks are killed and all is gone."""

from __future__ import annotations

import asyncio
import json

import structlog

from skerry.engine.port import Engine, EngineError, EngineUnreachable
from skerry.model.container_labels import NODE_ID
from skerry.store.store import Store

log = structlog.get_logger()

PATIENCE_S = 60.0
"""An engine that is stuck must not keep `swarm leave` for ever: what is left goes when it answers again."""


async def clear(store: Store, engine: Engine, node_id: str) -> None:
    """Kill and remove the containers of a swarm that was left; return when its tasks and networks are gone.

    Tasks get no grace, as with Swarm. The agent takes the rows of tasks away, the segments loop bridges.
    """
    leaving = {*store.view.tasks, *store.view.networks}
    try:
        async with asyncio.timeout(PATIENCE_S), store.watch() as commits:
            await _kill(engine, node_id)
            while leaving & {*store.view.tasks, *store.view.networks}:
                await commits.get()
    except TimeoutError:
        log.error("the swarm was left, and not all of it is gone yet", after_s=PATIENCE_S)


async def _kill(engine: Engine, node_id: str) -> None:
    label = json.dumps({"label": [f"{NODE_ID}={node_id}"]})
    try:
        containers = await engine.get_list("/containers/json", all="true", filters=label)
        await asyncio.gather(*(engine.remove_container(str(container["Id"])) for container in containers))
    except (EngineError, EngineUnreachable) as error:
        log.warning("not every task could be killed: the others are stopped", error=error.message)
