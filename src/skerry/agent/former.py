"""Containers of a swarm that this instance once was, and whose tasks no row knows: a database was lost.

They run on, as nothing says that they must not, and stand in the status. Where a service of the same name
starts a task, they go first: it takes their place, their volumes and their ports, and two of a kind at the
same data would be worse than none.
"""

from __future__ import annotations

import msgspec
import structlog

from skerry.core.view import View
from skerry.engine.port import Engine
from skerry.model.conditions import Conditions
from skerry.model.container_labels import NODE_ID, SERVICE_NAME, TASK_ID
from skerry.model.defaults import SECOND, STOP_GRACE_PERIOD
from skerry.model.labels import INSTANCE
from skerry.model.objects import Raw

log = structlog.get_logger()

CONDITION = "former swarm"
NAMED = 5
"""So many of them the status names."""


class FormerTasks:
    """What is left of a former swarm of the instance, as it was when we last looked."""

    def __init__(self, engine: Engine, instance: str, conditions: Conditions) -> None:
        self._engine = engine
        self._instance = instance
        self._conditions = conditions
        self._containers: list[Raw] | None = None

    async def look(self, view: View) -> list[Raw]:
        """Find them, and have the status say so. Returns the containers of all tasks, of whatever swarm."""
        label = msgspec.json.encode({"label": [NODE_ID]}).decode()
        everyones = await self._engine.get_list("/containers/json", all="1", filters=label)
        self._containers = [item for item in everyones if self._is_former(item.get("Labels") or {}, view)]
        self._note_condition()
        return everyones

    def _is_former(self, labels: dict[str, str], view: View) -> bool:
        ours = labels.get(INSTANCE) == self._instance
        of_this_swarm = labels.get(NODE_ID) in view.nodes
        return ours and not of_this_swarm and labels.get(TASK_ID) not in view.tasks

    def _note_condition(self) -> None:
        names = sorted(str(item["Names"][0]).lstrip("/") for item in self._containers or ())
        if not names:
            self._conditions.clear(CONDITION)
            return
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        self._conditions.set(
            CONDITION,
            f"no service knows {', '.join(names[:NAMED])}{more}, which a former swarm left on this engine; "
            "they run until a service of the same name starts. Remove them with: docker rm --force",
        )

    async def make_way(self, service_name: str, view: View) -> None:
        """Stop and remove those of a service, as a task of one of that name is about to start."""
        if self._containers is None:
            await self.look(view)
        for item in list(self._containers or ()):
            if item["Labels"].get(SERVICE_NAME) == service_name:
                log.warning("a former swarm's container makes way", container=item["Names"])
                await self._engine.stop_container(str(item["Id"]), STOP_GRACE_PERIOD // SECOND)
                await self._engine.remove_container(str(item["Id"]))
                self.gone(str(item["Id"]))

    def gone(self, container: str) -> None:
        """A container was removed; perhaps it was one of them."""
        left = [item for item in self._containers or () if item["Id"] != container]
        if self._containers is not None and len(left) < len(self._containers):
            self._containers = left
            self._note_condition()
