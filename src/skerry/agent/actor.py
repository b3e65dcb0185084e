"""One task's life: look at the row, take the next step, look again, until there is nothing more to do.

Every step may be done again: after a crash, a lost engine or an error the loop just starts over from the
row and from what the engine shows.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import structlog

from skerry.agent.actor_deps import AgentDeps
from skerry.agent.hooks import after_start, before_stop, hooks_of
from skerry.agent.hostsfile import name_itself
from skerry.agent.observe import (
    UNHEALTHY_CAUSE,
    absences,
    addresses,
    end_of,
    exit_code,
    located,
    looked_at,
    never_started,
    running,
    started,
)
from skerry.agent.prepare import plan_of, prepare
from skerry.agent.readiness import Readiness
from skerry.agent.report import Edit, advance
from skerry.agent.seat import IN_USE, seat
from skerry.agent.step import Step, next_step
from skerry.agent.task_folders import has_files
from skerry.agent.task_network import withdraw
from skerry.agent.waits import delays, first
from skerry.agent.witness import Witness
from skerry.core.view import View
from skerry.engine.port import EngineError, EngineUnreachable
from skerry.health.check import HEALTHY, STARTING, UNHEALTHY
from skerry.model import defaults
from skerry.model.drain import DrainOutcome
from skerry.model.errors import SkerryError
from skerry.model.facts import Facts
from skerry.model.family import FAMILIES
from skerry.model.hooks import POST_START, PRE_STOP
from skerry.model.objects import Raw, Task
from skerry.model.states import TaskState
from skerry.store.errors import StateError

log = structlog.get_logger()

PASSING = (EngineUnreachable, StateError)
"""Nothing is wrong with the task: the engine or the disk is away, and will come back."""
MOST_REFUSED = 64
"""So many addresses that somebody else has does a task try."""


def reason(error: Exception) -> str:
    """What the Err of a task says of it; an error of Python's own is named, as its text often says little."""
    text = str(error)
    return text if isinstance(error, SkerryError) else f"{type(error).__name__}: {text}"


class Actor:
    """The life of one task. The agent tells it what it hears; `run` returns when nothing is left to do."""

    def __init__(self, parts: AgentDeps, task: Task) -> None:
        self._parts = parts
        self._id = task.id
        self._name = task.name
        self._changed = asyncio.Event()
        self._ending = asyncio.Event()
        self._suspect = asyncio.Event()
        self._died: int | None = None
        self._container: Raw | None = None
        """The container as it was last seen running, or None where it has to be looked at."""
        self._made = False
        """Its container was made in this life, and there was no try to start it yet."""
        self._displaced: Mapping[str, str] = {}
        """The networks on which it was then not where the engine believes it to be, and why."""
        self._readiness = Readiness(parts)
        self._witness = Witness(parts, self._readiness)
        self._starting = False

    def row_changed(self, task: Task | None) -> None:
        """The row was written, or removed (None)."""
        if task is None or task.desired >= TaskState.SHUTDOWN:
            self._ending.set()
        self._changed.set()

    def died(self, code: int) -> None:
        """The engine told that the container ended."""
        self._died = code
        self._suspect.set()

    def out_of_memory(self) -> None:
        """The engine told that the kernel killed one of its processes; its end may follow."""
        self._witness.out_of_memory = True

    async def facts(self) -> Facts | None:
        """What is known of it at this moment, if its container runs."""
        task, container = self._parts.store.view.tasks.get(self._id), self._container
        if task is None or container is None or task.status.state.terminal:
            return None
        return await self._witness.look(task, container)

    def look(self) -> None:
        """Events may have been missed: the container has to be looked at."""
        self._suspect.set()

    def rewired(self, container: str) -> None:
        """A container was connected to a network or disconnected from one. Where it is this task's, its start
        and its end do that too, and are looked at anyway."""
        task = self._parts.store.view.tasks.get(self._id)
        known = {task.status.container_id} if task is not None else set()
        known |= {str(self._container["Id"])} if self._container is not None else set()
        if container in known and self._died is None and not self._starting:
            self._suspect.set()

    async def run(self) -> None:
        """Take steps until there are none."""
        try:
            await self._run()
        finally:
            self._parts.conditions.clear(self._condition)

    async def _run(self) -> None:
        """Take one step after another; what fails is done again, after a longer and longer while or when
        the row has changed."""
        waits = delays()
        while True:
            self._changed.clear()
            task = self._parts.store.view.tasks.get(self._id)
            if task is None or task.desired >= TaskState.SHUTDOWN:
                self._ending.set()
            step = next_step(task)
            if step is Step.REST:
                return
            try:
                if await self._take(step, task):
                    return
                waits = delays()
            except Exception as error:  # noqa: BLE001 - the edge of the loop: the step is done again
                self._container, self._made = None, False
                self._log_failure("a step is done again", step, error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), next(waits))

    def _log_failure(self, event: str, step: Step, error: Exception) -> None:
        """What the engine says is no bug of ours; everything else needs its traceback."""
        known = isinstance(error, SkerryError)
        log.warning(event, task=self._name, step=step.name, error=str(error), exc_info=not known)

    async def _take(self, step: Step, task: Task | None) -> bool:
        """Do one step; True where it was the last.

        Whatever goes wrong on a task's way up ends that task, with the reason: a step that is done again and
        again would leave it waiting for ever, and nobody would see why. Steps down are done until they are.
        """
        try:
            return await self._work(step, task)
        except PASSING:
            raise
        except Exception as error:
            if step is Step.PREPARE:
                self._log_failure("the task can't be prepared", step, error)
                await self._report(TaskState.REJECTED, err=reason(error))
            elif step is Step.START and not isinstance(error, EngineError):
                self._log_failure("the task can't be started", step, error)
                await self._parts.engine.stop_container(self._name, 0)
                await self._report(TaskState.FAILED, err=reason(error))
            else:
                raise
            return False

    async def _work(self, step: Step, task: Task | None) -> bool:
        """Do one step; True where it was the last."""
        if task is None or step is Step.CLEAR:
            await self._clear()
            return True
        if step is Step.REMOVE:
            await self._clear()
            await self._parts.reporter.delete(self._id)
            return True
        work = {
            Step.PREPARE: self._prepare,
            Step.AWAIT: self._await,
            Step.START: self._start,
            Step.WATCH: self._watch,
            Step.STOP: self._stop,
        }
        await work[step](task)
        return False

    # The way up.

    async def _prepare(self, task: Task) -> None:
        container = await prepare(self._parts, task, self._ending)
        if container:
            self._made = True
            await self._edit(lambda row, now: _prepared(row, container, now))

    async def _await(self, task: Task) -> None:
        await self._changed.wait()

    async def _start(self, task: Task) -> None:
        """From READY on: start the container, and wait until its check passes."""
        if task.status.state == TaskState.READY:
            await self._report(TaskState.STARTING)
            return
        container = await self._launched(task)
        if container is None or (hooks_of(task, POST_START) and not await self._welcomed(task)):
            return
        if not await self._readiness.at_once(task, container):
            await self._edit_started(container, TaskState.STARTING)
            if not await self._watch_over(task, container, STARTING):
                return
        await self._edit_started(self._container or container, TaskState.RUNNING)

    async def _welcomed(self, task: Task) -> bool:
        """Whether its hooks of the start are done; any end is dealt with here. They are run again where
        skerryd was away meanwhile."""
        which, result = await first(self._ending.wait(), self._exit(), after_start(self._parts, task))
        if which == 1:
            await self._ended(task, result)
        elif which == 2 and result:
            async with self._stopping(task) as container:
                await self._ended(task, container, result)
        return which == 2 and not result

    async def _launched(self, task: Task) -> Raw | None:
        """The running container; None where it has ended or would not start, which is reported then."""
        made, self._made = self._made, False
        container = None if made else await self._inspect()
        try:
            if made or (container is not None and never_started(container)):
                if not made or has_files(task):
                    await plan_of(self._parts, task, strict=True)
                which, _ = await first(self._parts.traffic.joinable(task), self._ending.wait())
                if which == 1:
                    return None
                await self._parts.former.make_way(task.service_name, self._parts.store.view)
                self._starting = True
                if not await self._begin(task):
                    return None
                container = await self._inspect()
        except EngineUnreachable:
            raise
        except SkerryError as error:
            container = await self._inspect()
            status = (
                {"container_id": str(container["Id"]), "exit_code": exit_code(container)} if container else {}
            )
            await self._report(TaskState.FAILED, f"starting container failed: {error.message}", **status)
            await self._witness.keep(task, container)
            return None
        finally:
            self._starting = False
        if container is None or not running(container):
            await self._ended(task, container)
            return None
        await self._lead_names(addresses(task, self._parts.store.view, container), container)
        self._container = container
        return container

    async def _begin(self, task: Task) -> bool:
        """Start the container. Where the engine has given one of its addresses to somebody else, who was put
        on the network behind our back, it is made again with others; False where its end came in the way."""
        refused: set[str] = set()
        while True:
            which, _ = await first(self._parts.clearing.done(task), self._ending.wait())
            if which == 1:
                return False
            try:
                await self._parts.engine.start_container(self._name)
                return True
            except EngineError as error:
                if IN_USE not in error.message or len(refused) >= MOST_REFUSED:
                    raise
                log.warning("an address is taken: the task gets another", task=self._name, why=error.message)
            refused |= {address for place in task.attachments for address in place.reservations}
            task = await seat(self._parts, task, refused)
            if not await self._make_again(task):
                return False

    async def _make_again(self, task: Task) -> bool:
        await self._parts.engine.remove_container(self._name)
        container = await prepare(self._parts, task, self._ending)
        if container:
            await self._edit(lambda row, now: advance(row, row.status.state, now, container_id=container))
        return bool(container)

    async def _watch(self, task: Task) -> None:
        """It runs: until it ends, gets unhealthy, or has to stop."""
        container = self._container
        if container is None:
            container = await self._inspect()
            if container is None or not running(container):
                await self._ended(task, container)
                return
            await self._remember(container)
            await self._readiness.look(task, container)
            await self._edit_started(container, TaskState.RUNNING)
        if await self._watch_over(task, container, HEALTHY):
            await self._relocate(self._container or container)

    async def _watch_over(self, task: Task, container: Raw, health: str) -> bool:
        """Wait while it runs and its health is `health`. True where it has become ready; any end is dealt
        with here, False then."""
        changed = self._readiness.until_changed(task, container, health)
        which, result = await first(self._ending.wait(), self._exit(), changed)
        if which == 1:
            await self._ended(task, result)
        elif which == 2 and result == UNHEALTHY:
            await self._unhealthy(task)
        return which == 2 and result != UNHEALTHY

    async def _exit(self) -> Raw | None:
        """Until the container does not run, or has not all the time since it was started.

        None where it is gone, and where the engine told of its end: to be looked at, the container would
        have to wait until the engine has cleared up after it, some 50 ms.
        """
        while True:
            await self._suspect.wait()
            if self._died is not None:
                return None
            self._suspect.clear()
            try:
                container = await self._inspect()
                if container is None or not running(container):
                    return container
                await self._remember(container)
                await self._relocate(container)
            except BaseException:
                self._suspect.set()  # not looked at: whoever waits next has to
                raise

    async def _remember(self, container: Raw) -> None:
        """Remember a running container, and where it is: networks are joined and left while it runs, and
        its links and addresses are changed by whoever is root."""
        view = self._parts.store.view
        task = view.tasks.get(self._id)
        if task is not None:
            places = addresses(task, view, container)
            self._displaced = await self._elsewhere(task, view, container)
            reached = {key: address for key, address in places.items() if key not in self._displaced}
            await self._lead_names(reached, container)
        self._container = container

    async def _lead_names(self, places: Mapping[str, str], container: Raw) -> None:
        await self._parts.traffic.lead_names(places, int(container["State"]["Pid"] or 0))
        await name_itself(self._parts.store.view, places, str(container.get("HostsPath") or ""))

    async def _elsewhere(self, task: Task, view: View, container: Raw) -> Mapping[str, str]:
        runtime = str((container.get("HostConfig") or {}).get("Runtime") or "")
        pid = int(container["State"]["Pid"] or 0)
        displaced: dict[str, str] = {}
        for family in FAMILIES:
            own = addresses(task, view, container, family)
            places = {key: address for key, address in own.items() if address}
            if container["State"].get("Paused") and container["Id"] not in self._parts.frozen:
                # it would take connections, and answer nobody
                displaced |= dict.fromkeys(places, "its container is paused")
            elif places:
                displaced |= await self._parts.traffic.displaced(places, pid, runtime)
        return displaced

    async def _relocate(self, container: Raw) -> None:
        """Have the row say where the container is reached now."""
        view, displaced, listens = self._parts.store.view, self._displaced, self._readiness.listens
        task = view.tasks.get(self._id)
        if task is not None and located(task, view, container, displaced, listens) is not task:
            await self._edit(lambda task, _: located(task, view, container, displaced, listens))
        self._note_absences(container)

    @property
    def _condition(self) -> str:
        return f"task {self._name}"

    def _note_absences(self, container: Raw) -> None:
        """What is wrong with the addresses of a task that runs stands in `skerry status`."""
        view = self._parts.store.view
        task = view.tasks.get(self._id)
        ended = task is None or task.status.state.terminal
        why = "" if task is None or ended else absences(task, view, container, self._displaced)
        if task is None or not why:
            self._parts.conditions.clear(self._condition)
        else:
            log.warning("a task is not reached", task=self._name, why=why)
            remedy = f"to replace it: docker service update --force {task.service_name}"
            self._parts.conditions.set(self._condition, f"{why}; {remedy}")

    # The way down.

    async def _stop(self, task: Task) -> None:
        """Take a running task out of the traffic, drain it and stop its container."""
        container, outcome = self._container, None
        if container is None or self._suspect.is_set():
            container = await self._inspect()
        if not running(container):
            await self._stopped(task, None, exit_code(container))
            return
        never_ready = task.status.state < TaskState.RUNNING
        if never_ready and container is not None:
            await self._witness.look(task, container)
        elif not never_ready:
            await withdraw(self._parts.traffic, self._id)
            outcome = await self._drained(task)
        if hooks_of(task, PRE_STOP):
            await first(before_stop(self._parts, task), self._exit())
        async with self._stopping(task) as container:
            code = self._died if container is None and self._died is not None else exit_code(container)
            await self._stopped(task, outcome, code)
        if never_ready:
            await self._witness.keep(task, container)

    @contextlib.asynccontextmanager
    async def _stopping(self, task: Task) -> AsyncIterator[Raw | None]:
        """Stop the container. Within, its process has ended: the row says so then, since a successor may wait
        for it, and then the engine clears up. The container is None where the engine told of its end."""
        stopping = asyncio.create_task(self._parts.engine.stop_container(self._name, grace_s(task)))
        try:
            which, container = await first(asyncio.wait([stopping]), self._exit())
            if which == 0:
                stopping.result()
                container = await self._inspect()
            with self._parts.clearing.of(task):
                yield container
                await stopping
        finally:
            stopping.cancel()
            await asyncio.gather(stopping, return_exceptions=True)

    async def _stopped(self, task: Task, outcome: DrainOutcome | None, code: int) -> None:
        await self._drop_files(task)
        end = TaskState.REJECTED if task.evicted else TaskState.SHUTDOWN
        await self._report(end, err=task.evicted, drain=outcome, exit_code=code, pid=0)

    async def _drained(self, task: Task) -> DrainOutcome | None:
        """How the drain ended; None where the container ended first."""
        which, outcome = await first(self._parts.traffic.drain(task), self._exit())
        if which != 0 or outcome is None:
            return None
        if outcome.open or outcome.closed_idle or outcome.left:
            log.info("drained", task=self._name, how=str(outcome))
        return cast(DrainOutcome, outcome)

    async def _unhealthy(self, task: Task) -> None:
        if task.status.state == TaskState.RUNNING:
            await withdraw(self._parts.traffic, self._id)
        if self._container is not None:
            await self._witness.look(task, self._container)
        async with self._stopping(task) as container:
            await self._ended(task, container, UNHEALTHY_CAUSE)

    async def _ended(self, task: Task, container: Raw | None, cause: str = "") -> None:
        """Report the end; what somebody started again from outside ends too, since a successor comes."""
        end = end_of(task, container, self._died, cause, out_of_memory=self._witness.out_of_memory)
        with self._parts.clearing.of(task):
            await self._report(end.state, err=end.err, exit_code=end.exit_code, pid=0)
            if task.status.state == TaskState.RUNNING:
                await withdraw(self._parts.traffic, self._id)
                if not running(container):
                    await self._parts.traffic.forget(task)
            if container is None and self._died is not None:
                container = await self._inspect()  # answered when the engine is done with it
        if running(container):
            await self._parts.engine.stop_container(self._name, grace_s(task))
        await self._drop_files(task)
        if end.state == TaskState.FAILED or task.job_iteration is None:
            await self._witness.keep(task, container)

    async def _clear(self) -> None:
        """Remove the container and what belongs to it. Somebody may have started it again from outside, and
        the table may still be the one of before a crash."""
        await withdraw(self._parts.traffic, self._id)
        await self._parts.engine.remove_container(self._name)
        await asyncio.to_thread(self._remove_files)
        self._parts.prober.forget(self._id)

    def _remove_files(self) -> None:
        self._parts.folders.remove(self._id)
        self._parts.resolvers.remove(self._id)

    async def _drop_files(self, task: Task) -> None:
        if has_files(task):
            await asyncio.to_thread(self._parts.folders.remove, self._id)

    # What steps are made of.

    async def _inspect(self) -> Raw | None:
        container = await self._parts.engine.inspect_container(self._name)
        return None if container is None else looked_at(container)

    async def _report(self, state: TaskState, err: str = "", **status: Any) -> None:
        await self._edit(lambda task, now: advance(task, state, now, err, **status))
        log.info("task", task=self._name, state=state.word, **({"err": err} if err else {}))

    async def _edit_started(self, container: Raw, state: TaskState) -> None:
        view, displaced, listens = self._parts.store.view, self._displaced, self._readiness.listens
        await self._edit(lambda task, now: started(task, view, container, state, now, displaced, listens))
        self._note_absences(container)
        log.info("task", task=self._name, state=state.word)

    async def _edit(self, edit: Edit) -> None:
        await self._parts.reporter.edit(self._id, edit)


def _prepared(task: Task, container: str, now: int) -> Task:
    """READY, with the container's ID: whoever wants the log of a task that ends at once finds it by that.
    STARTING at once where it may start already, which saves a commit."""
    at_once = TaskState.RUNNING <= task.desired < TaskState.SHUTDOWN
    state = TaskState.STARTING if at_once else TaskState.READY
    return advance(task, state, now, container_id=container)


def grace_s(task: Task) -> int:
    """The grace period of a task in whole seconds, as Swarm rounds it."""
    return task.spec.typed.container_spec.stop_grace_period // defaults.SECOND
