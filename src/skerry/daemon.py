"""The daemon: puts the parts together. `python -m skerry.daemon up|down`; the command line starts it.

Nobody imports this module. What it says to a person goes to standard error as one `Error: …` line.
"""

from __future__ import annotations

import skerry.lean  # noqa: F401  # before whatever imports structlog

# isort: split
import argparse
import asyncio
import contextlib
import fcntl
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from skerry import __version__
from skerry.agent.agent import Agent
from skerry.agent.sockets import Namespaces
from skerry.api.app import make_app
from skerry.api.frontdoor import serve
from skerry.api.ports import Parts
from skerry.core.apisocket import ApiSocket
from skerry.core.view import View
from skerry.engine.choose import Choice, choose_engine, running_engine
from skerry.engine.describe import describe
from skerry.engine.embedded import Embedded
from skerry.logs import log_to_stderr
from skerry.loops.clock import ClockLoop, SteadyClock, settle
from skerry.loops.description import DescriptionLoop
from skerry.loops.disk import DiskLoop
from skerry.loops.guard import run_all
from skerry.loops.handover import Handover
from skerry.loops.leave import clear
from skerry.loops.log import LogLoop
from skerry.loops.network import NetworkLoop
from skerry.loops.orchestrator import Orchestrator
from skerry.loops.segments import SegmentsLoop
from skerry.loops.teardown import remove_files, stop_tasks
from skerry.model.conditions import Conditions
from skerry.model.errors import SkerryError
from skerry.model.objects import Network, Raw
from skerry.model.settings import Settings
from skerry.network import machine
from skerry.network.doorlink import DoorLink
from skerry.network.kernel import KernelNetwork
from skerry.store.errors import StateError
from skerry.store.ids import new_id
from skerry.store.sqlite import SqlitePersistence
from skerry.store.store import Store

log = structlog.get_logger()

OPEN_FILES = 1 << 20
"""As many connections as clients make, with one to the engine behind each."""


@contextlib.contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the instance's lock, or raise with who holds it."""
    Path(settings.run_dir).mkdir(parents=True, exist_ok=True)
    Path(settings.data_dir).mkdir(parents=True, exist_ok=True)
    with Path(settings.pid_file).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise SkerryError(
                f"skerry is already running (process {file.read().strip()}, {settings.api_socket})"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.truncate(0)


@dataclass(frozen=True)
class Daemon:
    """One instance's parts, made in the order of their needs."""

    settings: Settings
    choice: Choice
    store: Store
    network: NetworkLoop
    segments: SegmentsLoop
    orchestrator: Orchestrator
    agent: Agent
    kernel: KernelNetwork
    clock: SteadyClock
    description: DescriptionLoop
    hostname: str
    conditions: Conditions
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the loops run; where the swarm is locked, that is later than the API."""

    def about(self) -> Raw:
        """What the daemon says of itself."""
        return {
            "version": __version__,
            "pid": os.getpid(),
            "engine": {"socket": self.choice.engine.socket, "embedded": self.choice.embedded},
            "warnings": [*self.choice.warnings, *self.conditions.texts],
        }

    async def network_ready(self, network_id: str) -> Network:
        """The network, once containers can join it."""
        await self.segments.ready(network_id)
        return self.store.view.networks[network_id]

    async def run(self) -> None:
        """Serve and reconcile until cancelled."""
        parts = Parts(
            store=self.store,
            engine=self.choice.engine,
            health=self.agent,
            hostname=self.hostname,
            run_dir=self.settings.run_dir,
            api_socket=ApiSocket(self.settings.api_socket, self.choice.engine.socket),
            allocate_network=self.network_ready,
            interfaces=machine.interfaces,
            routes=machine.routes,
            about=self.about,
            at_work=self.at_work,
            cleared=partial(clear, self.store, self.choice.engine),
            clock=self.clock,
        )
        if not self.store.view.locked:
            with contextlib.suppress(StateError):  # a disk that takes nothing: the loop tries again
                await self._settle()
        loops = {"swarm": self._orchestrate, "disk": DiskLoop(self.store).run}
        if self.choice.private is not None:
            loops["engine"] = self.choice.private.keep
            loops["engine's log"] = LogLoop(self.choice.private.log).run
        path, door = Path(self.settings.api_socket), DoorLink(Path(self.settings.run_dir))
        listener = await door.taken(path)
        server = await serve(str(path), make_app(parts), self.choice.engine.socket, listener)
        door.keep(path, server.listener)
        log.info("skerry is up", socket=self.settings.api_socket, engine=self.choice.engine.socket)
        try:
            await run_all(loops, self.conditions)
        finally:
            await server.close()
            await door.close()

    async def at_work(self) -> None:
        """Return once the loops run."""
        await self.begun.wait()

    async def _orchestrate(self) -> None:
        """Reconcile; while the swarm is locked, tasks, gate and kernel table are left as they are."""
        if self.store.view.locked:
            log.warning("the swarm is locked; unlock it with: docker swarm unlock")
            await self.store.opened()
            log.info("the swarm is unlocked")
        await self._settle()
        self.begun.set()
        await run_all(
            {
                "network": self.network.run,
                "segments": self.segments.run,
                "orchestrator": self.orchestrator.run,
                "agent": self.agent.run,
                "clock": ClockLoop(self.store, self.clock).run,
                "description": self.description.run,
            },
            self.conditions,
        )

    async def _settle(self) -> None:
        """Bring what was stored up to date with this machine, which may have changed meanwhile."""
        await settle(self.store, self.clock)
        await self.description.look()


@contextlib.asynccontextmanager
async def compose(settings: Settings) -> AsyncIterator[Daemon]:
    """Make the parts; what they hold open is let go of at the end, what runs outside of us goes on."""
    run_dir, data_dir = Path(settings.run_dir), Path(settings.data_dir)
    async with contextlib.AsyncExitStack() as stack:
        choice = await choose_engine(run_dir, data_dir, Path(settings.api_socket), settings.engine)
        stack.push_async_callback(choice.engine.close)
        for warning in choice.warnings:
            log.warning(warning)
        persistence = SqlitePersistence(Path(settings.database), Path(settings.key_file))
        clock = SteadyClock()
        conditions = Conditions()
        store = Store(persistence, clock, new_id, conditions)
        stack.callback(store.close)
        hostname, _ = await describe(choice.engine)
        kernel = KernelNetwork(run_dir, settings.name, conditions)
        await kernel.start()
        stack.push_async_callback(kernel.detach)
        network = NetworkLoop(store, kernel, conditions=conditions)
        segments = SegmentsLoop(store, choice.engine, kernel, conditions)
        sockets = Namespaces()
        stack.callback(sockets.close)
        agent = Agent(
            store,
            choice.engine,
            Handover(network, segments, kernel),
            Path(settings.files_dir),
            clock,
            pull_auth=lambda task: task.registry_auth,
            sockets=sockets,
            instance=settings.name,
            conditions=conditions,
            api_socket=ApiSocket(settings.api_socket, choice.engine.socket),
        )
        orchestrator = Orchestrator(store, clock, conditions)
        yield Daemon(
            settings, choice, store, network, segments, orchestrator, agent, kernel, clock,
            DescriptionLoop(store, choice.engine), hostname, conditions,
        )  # fmt: skip


async def up(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; tasks, gate and kernel table go on afterwards."""
    running = asyncio.current_task()
    assert running is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    with only_one(settings), contextlib.suppress(asyncio.CancelledError):
        async with compose(settings) as daemon:
            await daemon.run()


async def down(settings: Settings, purge: bool) -> None:
    """Stop everything of an instance whose daemon has ended: tasks, gate, rules, the private engine."""
    run_dir, data_dir = Path(settings.run_dir), Path(settings.data_dir)
    with only_one(settings):
        view = _stored(settings, forgiving=purge)
        engine = await running_engine(run_dir, Path(settings.api_socket), settings.engine)
        if engine is not None:
            await stop_tasks(engine, view, settings.name, purge=purge)
            await engine.close()
        await KernelNetwork(run_dir, settings.name).purge()
        private = Embedded(run_dir, data_dir)
        await (private.purge() if purge else private.stop(containers=True))
        remove_files(settings, purge=purge)


def _stored(settings: Settings, *, forgiving: bool) -> View:
    """The state, to take apart what is of it; a damaged one is no reason not to remove everything."""
    if not Path(settings.database).exists():
        return View()
    try:
        persistence = SqlitePersistence(Path(settings.database), Path(settings.key_file))
        try:
            return persistence.load()
        finally:
            persistence.close()
    except SkerryError as error:
        if not forgiving:
            raise
        log.warning("removed without being read", why=error.message)
        return View()


def main() -> None:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(prog="skerryd")
    parser.add_argument("verb", choices=("up", "down"))
    for name in ("run-dir", "data-dir", "name", "socket", "engine"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--purge", action="store_true")
    found = parser.parse_args()
    settings = Settings(found.run_dir, found.data_dir, found.socket, found.name, found.engine)
    log_to_stderr(Path(settings.log_file))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, OPEN_FILES)), hard))
    try:
        asyncio.run(up(settings) if found.verb == "up" else down(settings, found.purge))
    except (SkerryError, OSError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
