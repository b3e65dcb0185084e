"""Whether one task is ready: its health check has passed, or, where it has none, it listens."""

from __future__ import annotations

import asyncio

from skerry.agent.actor_deps import AgentDeps
from skerry.agent.observe import age
from skerry.core.traffic_policy import TrafficPolicy, policy_of
from skerry.health.check import HEALTHY, STARTING, Check, check_of
from skerry.model.defaults import SECOND
from skerry.model.listening import Listening, awaited
from skerry.model.objects import Raw, Task


class Readiness:
    """The health of one task, as far as it decides what becomes of it."""

    def __init__(self, parts: AgentDeps) -> None:
        self._parts = parts
        self.silence = ""
        """Where the task should listen and does not, though it counts as running; in words."""

    async def at_once(self, task: Task, container: Raw) -> bool:
        """Whether a task whose container has just started need not be waited for."""
        if await self._check(task, container, STARTING) is not None:
            return False
        missing = await self._missing(task, container, 0)
        if missing and self._left_s(task, container) > 0:
            return False
        self.silence = missing
        return True

    async def look(self, task: Task, container: Raw) -> None:
        """See how a task is that was running before."""
        if await self._check(task, container, HEALTHY) is None:
            self.silence = await self._missing(task, container, 0)

    async def until_changed(self, task: Task, container: Raw, health: str) -> str:
        """Until the health of a running task is not `health`; what it is then.

        A task without a check is healthy when it listens, or had the time for it. One that did not use it is
        said to be healthy once more when it does listen.
        """
        check = await self._check(task, container, health)
        if check is not None:
            at, pid = age(task, container, self._parts.clock()), int(container["State"]["Pid"] or 0)
            return await self._parts.prober.until_changed(task, check, health, at, pid)
        if health == HEALTHY and not self.silence:
            await asyncio.Event().wait()
        timeout_s = self._left_s(task, container) if health == STARTING else None
        self.silence = await self._missing(task, container, timeout_s)
        return HEALTHY

    async def _check(self, task: Task, container: Raw, health: str) -> Check | None:
        """The check that tells whether a task in `health` still is, for which the image has to be known."""
        image = await self._parts.images.config(str(container["Image"]))
        policy = self._policy(task)
        override = policy.readiness if health == STARTING else policy.liveness
        spec = task.spec.typed.container_spec
        return check_of(spec.healthcheck, image, override, spec.env)

    async def _missing(self, task: Task, container: Raw, timeout_s: float | None) -> str:
        """Where the task should listen and does not, after that time at most; "" where all is well."""
        listening = await self._listening(task, container)
        if listening is None:
            return ""
        runtime = str((container.get("HostConfig") or {}).get("Runtime") or "")
        pid = int(container["State"]["Pid"] or 0)
        return await self._parts.traffic.silence(pid, listening, runtime, timeout_s)

    async def _listening(self, task: Task, container: Raw) -> Listening | None:
        """Where it is to listen; None where that is not known, or all the same."""
        policy = self._policy(task)
        if task.job_iteration is not None or not policy.ready_timeout:
            return None
        image = await self._parts.images.config(str(container["Image"]))
        published = task.endpoint_spec.typed.ports if task.endpoint_spec is not None else ()
        return awaited(policy.ready_ports, published, image)

    def _left_s(self, task: Task, container: Raw) -> float:
        """The rest of the time that it has."""
        return (self._policy(task).ready_timeout - age(task, container, self._parts.clock())) / SECOND

    def _policy(self, task: Task) -> TrafficPolicy:
        return policy_of(self._parts.store.view.services.get(task.service_id))
