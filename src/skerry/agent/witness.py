"""Writes down what is learned of one task, when it is learned. Whatever fails here costs a fact, never a
task."""

from __future__ import annotations

from msgspec.structs import replace

from skerry.agent import gather
from skerry.agent.actor_deps import AgentDeps
from skerry.agent.readiness import Readiness
from skerry.health.check import HEALTHY, STARTING
from skerry.model.errors import SkerryError
from skerry.model.facts import Facts
from skerry.model.objects import Raw, Task
from skerry.model.states import TaskState


class Witness:
    """What was seen of one task in this life of skerryd."""

    def __init__(self, parts: AgentDeps, readiness: Readiness) -> None:
        self._parts = parts
        self._readiness = readiness
        self._seen = Facts()
        self.out_of_memory = False
        """The engine told that the kernel killed one of the task's processes for its memory."""

    async def look(self, task: Task, container: Raw) -> Facts:
        """See how a task that runs answers, and where it listens."""
        health = HEALTHY if task.status.state == TaskState.RUNNING else STARTING
        try:
            check = await self._readiness.check(task, container, health)
            self._seen = await gather.while_it_runs(self._parts, task, container, check)
        except SkerryError:  # the engine is away
            pass
        return self._seen

    async def keep(self, task: Task, container: Raw | None) -> None:
        """Write down all that is known of a task that has ended, while its container is there."""
        before = task.facts.pull if task.facts is not None else ""
        facts_before = replace(self._seen, pull=before)
        facts = await gather.after_its_end(self._parts, task, container, facts_before)
        await self._parts.reporter.edit(task.id, lambda row, now: _with(row, self._of_now(facts), now))

    def _of_now(self, facts: Facts) -> Facts:
        return replace(facts, out_of_memory=facts.out_of_memory or self.out_of_memory)


async def explain_late(parts: AgentDeps, task: Task) -> None:
    """Write down what there still is of a task that has ended, where skerryd was killed before it had
    done so."""
    container = await parts.engine.inspect_container(task.name)
    facts = await gather.after_its_end(parts, task, container, task.facts or Facts())
    await parts.reporter.edit(task.id, lambda row, now: _with(row, facts, now))


def ended_for_memory(task: Task) -> Task:
    """A task whose end is written down, once it is known that it was for its memory."""
    if task.facts is None or task.facts.out_of_memory or not task.status.state.terminal:
        return task
    return replace(task, facts=replace(task.facts, out_of_memory=True))


def is_unexplained(task: Task) -> bool:
    """Whether a task failed and nothing was written down of that."""
    return task.status.state == TaskState.FAILED and task.facts is None


def _with(task: Task, facts: Facts, now: int) -> Task:
    return replace(task, facts=replace(facts, at=now))
