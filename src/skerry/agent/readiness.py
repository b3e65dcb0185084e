"""Whether one task is ready: its health check has passed, or, where it has none, it listens."""

from __future__ import annotations

import asyncio

from skerry.agent.actor_deps import AgentDeps
from skerry.agent.observe import Listens, age, pid_of, runtime_of
from skerry.core.traffic_policy import TrafficPolicy, policy_of
from skerry.health.check import HEALTHY, STARTING, Check, check_of
from skerry.model.defaults import SECOND
from skerry.model.listening import ANYWHERE, Listening, awaited
from skerry.model.objects import Raw, Task


class Readiness:
    """The health of one task, as far as it decides what becomes of it."""

    def __init__(self, parts: AgentDeps) -> None:
        self._parts = parts
        self.listens = Listens()

    async def at_once(self, task: Task, container: Raw) -> bool:
        """Whether a task whose container has just started need not be waited for."""
        if await self.check(task, container, STARTING) is not None:
            return False
        missing = await self._missing(task, container, 0)
        if missing and self._left_s(task, container) > 0:
            return False
        await self._note(task, container, missing)
        return True

    async def look(self, task: Task, container: Raw) -> None:
        """See how a task is that was running before."""
        if await self.check(task, container, HEALTHY) is None:
            await self._note(task, container, await self._missing(task, container, 0))

    async def until_changed(self, task: Task, container: Raw, health: str) -> str:
        """Until the health of a running task is not `health`; what it is then.

        A task without a check is healthy when it listens, or had the time for it. One that does not listen
        then is said to be healthy once more when it does.
        """
        check = await self.check(task, container, health)
        if check is not None:
            at = age(task, container, self._parts.clock())
            return await self._parts.prober.until_changed(task, check, health, at, pid_of(container))
        if health == STARTING:
            missing = await self._missing(task, container, self._left_s(task, container))
        elif self.listens.nowhere:
            await self._silence(container, ANYWHERE, None)
            missing = await self._missing(task, container, 0)
        elif self.listens.missing:
            missing = await self._missing(task, container, None)
        else:
            await asyncio.Event().wait()
        await self._note(task, container, missing)
        return HEALTHY

    async def _missing(self, task: Task, container: Raw, timeout_s: float | None) -> str:
        """Where it should listen and does not, after that time at most; "" also where nobody knows."""
        listening = await self._listening(task, container)
        return await self._silence(container, listening, timeout_s) if listening is not None else ""

    async def _note(self, task: Task, container: Raw, missing: str) -> None:
        """Remember how it listens, by what is `missing` where it should."""
        known = await self._listening(task, container) is not None and not missing
        unasked = known or not self._is_looked_at(task)
        self.listens = Listens(missing, not unasked and bool(await self._silence(container, ANYWHERE, 0)))

    async def check(self, task: Task, container: Raw, health: str) -> Check | None:
        """The check that tells whether a task in `health` still is, for which the image has to be known."""
        image = await self._parts.images.config(str(container["Image"]))
        policy = self._policy(task)
        override = policy.readiness if health == STARTING else policy.liveness
        spec = task.spec.typed.container_spec
        return check_of(spec.healthcheck, image, override, spec.env)

    async def _silence(self, container: Raw, listening: Listening, timeout_s: float | None) -> str:
        """Where it does not listen, after that time at most; "" where it does."""
        traffic = self._parts.traffic
        return await traffic.silence(pid_of(container), listening, runtime_of(container), timeout_s)

    async def _listening(self, task: Task, container: Raw) -> Listening | None:
        """Where it is to listen before it is ready; None where that is not known."""
        if not self._is_looked_at(task):
            return None
        image = await self._parts.images.config(str(container["Image"]))
        published = task.endpoint_spec.typed.ports if task.endpoint_spec is not None else ()
        return awaited(self._policy(task).ready_ports, published, image)

    def _is_looked_at(self, task: Task) -> bool:
        """Whether it matters how it listens: a job need not, and a label says so of others."""
        return task.job_iteration is None and self._policy(task).ready_timeout > 0

    def _left_s(self, task: Task, container: Raw) -> float:
        """The rest of the time that it has."""
        return (self._policy(task).ready_timeout - age(task, container, self._parts.clock())) / SECOND

    def _policy(self, task: Task) -> TrafficPolicy:
        return policy_of(self._parts.store.view.services.get(task.service_id))
