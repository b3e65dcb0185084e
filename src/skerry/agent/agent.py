"""Runs all tasks of the node: an actor for each that has work, and one ear at the engine for all."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from skerry.agent.actor import Actor, grace_s
from skerry.agent.actor_deps import AgentDeps, ListenersOf, nobody_can_tell
from skerry.agent.former import FormerTasks
from skerry.agent.report import Reporter
from skerry.agent.resolvfiles import ResolvFiles
from skerry.agent.step import has_work
from skerry.agent.task_folders import TaskFolders
from skerry.agent.task_image import Images
from skerry.agent.task_network import TaskNetwork, withdraw
from skerry.agent.waits import delays
from skerry.agent.witness import ended_for_memory, explain_late, is_unexplained
from skerry.core.apisocket import ApiSocket
from skerry.engine.port import Engine, EngineError, EngineUnreachable
from skerry.health.check import TaskHealth
from skerry.health.prober import Heard, Prober
from skerry.health.sockets import Sockets
from skerry.model.conditions import Conditions
from skerry.model.container_labels import NODE_ID, TASK_ID
from skerry.model.facts import Facts
from skerry.model.objects import Raw, Task
from skerry.model.settings import DEFAULT_NAME
from skerry.store.store import Change, Commit, Store, about

log = structlog.get_logger()

RESYNC_S = 30.0
"""An engine drops events that a listener does not take fast enough, and tells nobody: a container's end is
found out within this time all the same."""


class Agent:
    """The tasks of this node. Cancelling `run` leaves their containers as they are."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        traffic: TaskNetwork,
        files_dir: Path,
        clock: Callable[[], int] = time.time_ns,
        sockets: Sockets | None = None,
        resync_s: float = RESYNC_S,
        instance: str = DEFAULT_NAME,
        conditions: Conditions | None = None,
        api_socket: ApiSocket | None = None,
        resolvers: ResolvFiles | None = None,
        frozen: set[str] | None = None,
        listeners_of: ListenersOf = nobody_can_tell,
    ) -> None:
        self.folders = TaskFolders(files_dir)
        self._resolvers = resolvers or ResolvFiles(files_dir.with_name("resolv"))
        self._store = store
        self._engine = engine
        self._resync_s = resync_s
        self._sweeping = asyncio.Event()
        self._prober = Prober(engine, clock, sockets)
        self._reporter = Reporter(store)
        conditions = conditions or Conditions()
        self._former = FormerTasks(engine, instance, conditions)
        self._parts = AgentDeps(
            store,
            engine,
            Images(engine),
            traffic,
            self.folders,
            self._resolvers,
            self._reporter,
            self._prober,
            clock,
            conditions,
            self._former,
            instance,
            api_socket,
            frozen=frozen if frozen is not None else set(),
            listeners_of=listeners_of,
        )
        self._actors: dict[str, tuple[Actor, asyncio.Task[None]]] = {}
        self._closing = False

    def health(self, task_id: str) -> TaskHealth | None:
        """What the probes of a task have shown; None where it has no check, or is not known."""
        return self._prober.states.get(task_id)

    async def facts(self, task_id: str) -> Facts | None:
        """What is known at this moment of a task that runs; None of any other."""
        acting = self._actors.get(task_id)
        return await acting[0].facts() if acting is not None else None

    def on_health(self, heard: Heard) -> None:
        """Call `heard(task, status)` whenever a task becomes `healthy` or `unhealthy`."""
        self._prober.listeners.append(heard)

    async def run(self) -> None:
        """An eternal task; it may be run again after it failed, and begins with what is stored then. Raises
        where the files' directory cannot be made, or on a bug."""
        self._closing = False
        await asyncio.to_thread(self.folders.prepare)
        try:
            async with self._store.watch(about(Task)) as commits, asyncio.TaskGroup() as group:
                tasks = self._store.view.tasks
                for key in sorted(tasks):
                    self._act_on(tasks[key])
                group.create_task(self._follow_store(commits), name="agent: store")
                group.create_task(self._follow_engine(), name="agent: engine")
                group.create_task(self._sweep_now_and_then(), name="agent: sweep")
        finally:
            await self._close()

    async def _close(self) -> None:
        self._closing = True
        acting = [running for _, running in self._actors.values()]
        for running in acting:
            running.cancel()
        await asyncio.gather(*acting, return_exceptions=True)
        await self._reporter.close()

    # The store.

    async def _follow_store(self, commits: asyncio.Queue[Commit]) -> None:
        while True:
            commit = await commits.get()
            for change in commit.changes:
                if isinstance(change.object, Task):
                    self._row_changed(change)

    def _row_changed(self, change: Change) -> None:
        task = change.object
        assert isinstance(task, Task)
        acting = self._actors.get(task.id)
        if acting is not None:
            acting[0].row_changed(task if change.new is not None else None)
        elif change.new is None:
            self._begin(task)
        else:
            self._act_on(task)

    def _act_on(self, task: Task) -> None:
        if has_work(task):
            self._begin(task)

    def _begin(self, task: Task) -> None:
        actor = Actor(self._parts, task)
        running = asyncio.create_task(actor.run(), name=f"agent: {task.name}")
        self._actors[task.id] = (actor, running)
        running.add_done_callback(lambda _: self._finished(task.id))

    def _finished(self, task_id: str) -> None:
        """An actor has nothing left to do, unless its row changed just then."""
        del self._actors[task_id]
        task = self._store.view.tasks.get(task_id)
        if task is not None and not self._closing:
            self._act_on(task)

    # The engine.

    async def _follow_engine(self) -> None:
        """Hear of containers that end, pause or change networks, for ever: subscribe, look at all once,
        listen; again where it breaks. Events of networks have no label to choose by."""
        waits = delays()
        while True:
            try:
                async with self._engine.events(
                    type=["container", "network"],
                    event=["oom", "die", "destroy", "pause", "unpause", "connect", "disconnect"],
                ) as events:
                    self._look()
                    self._sweeping.set()
                    waits = delays()
                    async for event in events:
                        self._dispatch(event)
                        await self._note_memory(event)
            except (EngineUnreachable, EngineError) as error:
                log.warning("the engine's events broke off", error=error.message)
            await asyncio.sleep(next(waits))

    async def _sweep_now_and_then(self) -> None:
        """After each subscription, and regularly. On its own: a stop takes its time, and events go on."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._resync_s):
                    await self._sweeping.wait()
            self._sweeping.clear()
            self._look()
            try:
                await self._sweep()
            except (EngineUnreachable, EngineError) as error:
                log.warning("the containers could not be looked through", error=error.message)

    def _look(self) -> None:
        """Events may have been missed: every actor looks at its container."""
        for actor, _ in self._actors.values():
            actor.look()

    def _dispatch(self, event: Raw) -> None:
        """Hand an event of the engine's to the actor that it is about; one of a network to all."""
        attributes = event["Actor"].get("Attributes") or {}
        if event["Type"] == "network":
            for actor, _ in self._actors.values():
                actor.rewired(str(attributes.get("container")))
            return
        acting = self._actors.get(str(attributes.get(TASK_ID)))
        if acting is None:
            if event["Action"] == "destroy":
                self._former.gone(str(event["Actor"]["ID"]))
            return
        match event["Action"]:
            case "oom":
                acting[0].out_of_memory()
            case "die":
                acting[0].died(int(attributes.get("exitCode") or 0))
            case _:
                acting[0].look()

    async def _note_memory(self, event: Raw) -> None:
        """Write down why a task ended, where the engine tells only afterwards that it was for its memory."""
        if event["Action"] == "oom":
            task_id = str((event["Actor"].get("Attributes") or {}).get(TASK_ID))
            await self._reporter.edit(task_id, lambda task, _: ended_for_memory(task))

    async def _sweep(self) -> None:
        """Remove this node's containers and files whose task is gone, and stop, or explain, those whose task
        has ended: a crash came in between."""
        view = self._store.view
        everyones = await self._former.look(view)
        if view.node is None:
            return
        for item in everyones:
            labels = item.get("Labels") or {}
            if labels.get(NODE_ID) != view.node.id:
                continue
            task_id = str(labels.get(TASK_ID, ""))
            if not self._known(task_id):
                log.info("removing the container of a task that is gone", container=item["Names"])
                await withdraw(self._parts.traffic, task_id)
                await self._engine.remove_container(str(item["Id"]))
            elif item["State"] == "running" and self._is_over(task_id):
                log.info("stopping the container of a task that has ended", container=item["Names"])
                await withdraw(self._parts.traffic, task_id)
                await self._engine.stop_container(str(item["Id"]), grace_s(self._store.view.tasks[task_id]))
            elif self._is_over(task_id) and is_unexplained(task := self._store.view.tasks[task_id]):
                await explain_late(self._parts, task)
        await self._sweep_files()

    async def _sweep_files(self) -> None:
        """Remove the files of tasks that are gone or have ended."""
        for task_id in await asyncio.to_thread(self.folders.known):
            if not self._known(task_id) or self._is_over(task_id):
                await asyncio.to_thread(self.folders.remove, task_id)
        for task_id in await asyncio.to_thread(self._resolvers.known):
            if not self._known(task_id):  # of one that has ended, it is bound in the container, which stays
                await asyncio.to_thread(self._resolvers.remove, task_id)

    def _is_over(self, task_id: str) -> bool:
        """It has ended, and nobody sees to it: a crash came before its files were removed, or before a
        container that somebody started again from outside was stopped."""
        task = self._store.view.tasks.get(task_id)
        return task is not None and task.status.state.terminal and task_id not in self._actors

    def _known(self, task_id: str) -> bool:
        return task_id in self._store.view.tasks or task_id in self._actors
