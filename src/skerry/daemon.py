"""The daemon: puts the parts together. `python -m skerry.daemon up|down`; the command line starts it.

Nobody imports this module. What it says to a person goes to standard error as one `Error: …` line.
"""

from __future__ import annotations

import skerry.lean.skerryd  # noqa: F401  # before whatever imports structlog and aiohttp

# isort: split
import argparse
import asyncio
import contextlib
import faulthandler
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec
import structlog

from skerry import __version__
from skerry.agent.agent import Agent
from skerry.agent.resolvfiles import ResolvFiles
from skerry.agent.waits import first
from skerry.api.app import make_app
from skerry.api.deps import ApiDeps
from skerry.api.door.frontdoor import serve
from skerry.api.remote import RemoteListeners
from skerry.backup import restoring
from skerry.backup.freezer import Freezer
from skerry.backup.stack import stack_objects
from skerry.backup.taking import Backups
from skerry.control import networks
from skerry.core.apisocket import ApiSocket
from skerry.core.view import View
from skerry.engine.choose import Choice, adopted, choose_engine
from skerry.health.sockets import NamespaceSockets
from skerry.instance import failure_noted, only_one, refuse_used
from skerry.linux.memory import share_one_heap
from skerry.linux.port_holders import holder_of
from skerry.linux.processes import refuse_core_dumps, wait_for_children_without_threads
from skerry.logs import log_to_stderr
from skerry.loops.chronicle import ChronicleLoop
from skerry.loops.clock import ClockLoop, SteadyClock, settle
from skerry.loops.description import DescriptionLoop
from skerry.loops.disk import DiskLoop
from skerry.loops.engine import EngineLoop, engine_options
from skerry.loops.guests import GuestsLoop
from skerry.loops.handover import Handover
from skerry.loops.history import HistoryLoop
from skerry.loops.kept_files import KeptFilesLoop
from skerry.loops.kept_images import KeptImagesLoop
from skerry.loops.leases import LeasesLoop
from skerry.loops.leave import clear
from skerry.loops.log import LogLoop
from skerry.loops.memory import MemoryLoop
from skerry.loops.network import NetworkLoop
from skerry.loops.orchestrator import Orchestrator
from skerry.loops.releases import ReleasesLoop
from skerry.loops.segments import SegmentsLoop
from skerry.loops.supervision import run_all
from skerry.loops.teardown import take_down, what_goes
from skerry.model.conditions import Conditions
from skerry.model.errors import SkerryError
from skerry.model.objects import Network, Raw
from skerry.model.settings import Settings
from skerry.network import machine
from skerry.network.doorkeeper_link import DoorkeeperLink
from skerry.network.kernel import KernelNetwork
from skerry.network.listening import listeners_of
from skerry.notify import Notifier
from skerry.store.audit import AuditLog
from skerry.store.errors import StateError
from skerry.store.event_file import EventFile
from skerry.store.ids import new_id
from skerry.store.leftovers import leftovers
from skerry.store.sqlite import SqlitePersistence
from skerry.store.store import Store

log = structlog.get_logger()

OPEN_FILES = 1 << 20
"""As many connections as clients make, with one to the engine behind each."""


@dataclass(frozen=True)
class Daemon:
    """One instance's parts, made in the order of their needs."""

    settings: Settings
    choice: Choice
    engine: EngineLoop
    store: Store
    network: NetworkLoop
    guests: GuestsLoop
    segments: SegmentsLoop
    orchestrator: Orchestrator
    agent: Agent
    kernel: KernelNetwork
    clock: SteadyClock
    description: DescriptionLoop
    conditions: Conditions
    notifier: Notifier
    door: DoorkeeperLink
    freezer: Freezer
    backups: Backups
    chronicle: ChronicleLoop
    kept_images: KeptImagesLoop
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the loops run; where the swarm is locked, that is later than the API."""
    came: asyncio.Event = field(default_factory=asyncio.Event)
    """Set where the disk with the state came after us."""

    def about(self) -> Raw:
        """What the daemon says of itself."""
        return {
            "version": __version__,
            "pid": os.getpid(),
            "engine": {"socket": self.choice.socket, "embedded": self.choice.private is not None},
            "disk": _disk(self.settings.data_dir),
            **self._engine_disk(),
            "warnings": [*self.engine.warnings, *self.conditions.texts],
            "conditions": self.conditions.texts,
        }

    def _engine_disk(self) -> Raw:
        """Where the engine has its images and volumes, where that is another disk than the state's."""
        root = self.engine.known.root if self.engine.known is not None else ""
        with contextlib.suppress(OSError):
            if root and Path(root).stat().st_dev != Path(self.settings.data_dir).stat().st_dev:
                return {"engine_disk": _disk(root)}
        return {}

    async def network_ready(self, network_id: str) -> Network:
        """The network, once containers can join it."""
        await self.segments.ready(network_id)
        return self.store.view.networks[network_id]

    async def vacated(self, network_id: str, address: str) -> None:
        """Wait until an address leads to nobody else."""
        await self.network.vacated({(network_id, address)})

    async def run(self) -> None:
        """Serve and reconcile until cancelled, or until the state has come: then it is to begin again."""
        remote = RemoteListeners(self.store, self.clock, machine.interfaces, self.conditions, self.door)
        deps = ApiDeps(
            store=self.store,
            engine=self.engine.engine,
            health=self.agent,
            file_dirs=(self.settings.files_dir, self.settings.resolv_dir),
            api_socket=ApiSocket(self.settings.api_socket, self.choice.socket),
            allocate_network=self.network_ready,
            vacated=self.vacated,
            guest_settled=self.guests.settled,
            interfaces=machine.interfaces,
            routes=machine.routes,
            network_address=machine.network_address(),
            about=self.about,
            facts=self.agent.facts,
            chronicle=self.chronicle,
            kept_images=self.kept_images,
            leftovers=lambda: leftovers(Path(self.settings.data_dir), time.time()),
            at_work=self.at_work,
            cleared=partial(clear, self.store, self.engine.engine),
            audit=AuditLog(Path(self.settings.audit_file), self.conditions),
            listens=remote.listens,
            backup=self.backups.taken,
            clock=self.clock,
            engine_version=self.engine.last_version,
        )
        if not self.store.view.locked:
            with contextlib.suppress(StateError):  # a disk that takes nothing: the loop tries again
                await self._settle()
        loops = {
            "engine": self.engine.run,
            "swarm": self._orchestrate,
            "disk": DiskLoop(self.store, self.came).run,
            "memory": MemoryLoop(self.store).run,
            "listeners": remote.run,
            "freezer": self._freezer,
            "events": self.chronicle.run,
        }
        if self.notifier.is_watched:
            loops["watchdog"] = self.notifier.keep_alive
        if self.choice.private is not None:
            loops["engine's log"] = LogLoop(self.choice.private.paths.log).run
        path, engine = self.settings.api_socket, self.choice.socket
        server = await serve(path, make_app(deps), engine, self.door.inherited)
        self.door.keep(server.listener)
        remote.attach(server)
        log.info("skerry is up", socket=path, engine=engine)
        await asyncio.to_thread(Path(self.settings.failure_file).unlink, missing_ok=True)
        self.notifier.ready(f"API at {path}, engine at {engine}")
        try:
            await first(run_all(loops, self.conditions), self.came.wait())
        finally:
            remote.close()
            await server.close()

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
                "guests": self.guests.run,
                "segments": self._segments,
                "leases": self._leases,
                "orchestrator": self.orchestrator.run,
                "releases": ReleasesLoop(self.store, self.engine.engine, self.clock).run,
                "agent": self._agent,
                "history": HistoryLoop(self.store).run,
                "kept files": KeptFilesLoop(self.store).run,
                "kept images": self._keep_images,
                "clock": ClockLoop(self.store, self.clock).run,
                "description": self._description,
            },
            self.conditions,
        )

    async def _settle(self) -> None:
        """Bring what was stored up to date with this machine, which may have changed meanwhile."""
        await settle(self.store, self.clock)
        await self.store.update(networks.add_predefined)
        if self.engine.is_here:
            await self.description.look()

    async def _freezer(self) -> None:
        await self.engine.here()
        await self.freezer.run()

    async def _segments(self) -> None:
        await self.engine.here()
        await self.segments.run()

    async def _leases(self) -> None:
        await self.engine.here()
        await LeasesLoop(self.store, self.engine.engine).run()

    async def _agent(self) -> None:
        await self.engine.here()
        await self.agent.run()

    async def _keep_images(self) -> None:
        await self.engine.here()
        await self.kept_images.run()

    async def _description(self) -> None:
        await self.engine.here()
        await self.description.run()


def _disk(path: str) -> Raw:
    """How much room there is, in bytes."""
    try:
        usage = shutil.disk_usage(path)
    except OSError as error:
        return {"path": path, "error": str(error)}
    return {"path": path, "total": usage.total, "free": usage.free}


@contextlib.asynccontextmanager
async def compose(settings: Settings, notifier: Notifier) -> AsyncIterator[Daemon]:
    """Make the parts; what they hold open is let go of at the end, what runs outside of us goes on."""
    run_dir = Path(settings.run_dir)
    async with contextlib.AsyncExitStack() as stack:
        door = DoorkeeperLink(run_dir, Path(settings.api_socket))
        await door.open()  # first: a gate that has to be replaced has the API's socket
        stack.push_async_callback(door.close)
        persistence = SqlitePersistence(Path(settings.database), Path(settings.key_file))
        clock = SteadyClock()
        conditions = Conditions()
        store = Store(persistence, clock, new_id, conditions)
        stack.callback(store.close)
        choice = await choose_engine(engine_options(settings, persistence.engine, store.view))
        engine = EngineLoop(choice, store, persistence, conditions)
        stack.push_async_callback(engine.engine.close)
        await engine.begin()
        for warning in engine.warnings:
            log.warning(warning)
        kernel = KernelNetwork(run_dir, settings.name, conditions)
        await kernel.start()
        stack.push_async_callback(kernel.detach)
        network = NetworkLoop(store, kernel, conditions=conditions, holder_of=holder_of)
        guests = GuestsLoop(store, engine.engine, network, kernel)
        segments = SegmentsLoop(store, engine.engine, kernel, conditions)
        sockets = NamespaceSockets()
        stack.callback(sockets.close)
        resolvers = ResolvFiles(Path(settings.resolv_dir))
        await asyncio.to_thread(resolvers.prepare)
        frozen: set[str] = set()
        freezer = Freezer(engine.engine, Path(settings.frozen_file), frozen)
        backups = Backups(
            store, persistence, engine.engine, network, freezer, Path(settings.backup_dir), clock
        )
        await asyncio.to_thread(backups.sweep)
        agent = Agent(
            store,
            engine.engine,
            Handover(network, segments, kernel),
            Path(settings.files_dir),
            clock,
            sockets=sockets,
            instance=settings.name,
            conditions=conditions,
            api_socket=ApiSocket(settings.api_socket, choice.socket),
            resolvers=resolvers,
            frozen=frozen,
            listeners_of=listeners_of,
        )
        orchestrator = Orchestrator(store, clock, conditions)
        chronicle = ChronicleLoop(store, EventFile(Path(settings.events_file)), clock, conditions)
        yield Daemon(
            settings, choice, engine, store, network, guests, segments, orchestrator, agent, kernel, clock,
            DescriptionLoop(store, engine.engine), conditions, notifier, door, freezer, backups, chronicle,
            KeptImagesLoop(store, engine.engine, settings.name),
        )  # fmt: skip


async def up(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; tasks, gate and kernel table go on afterwards."""
    running = asyncio.current_task()
    assert running is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    notifier = Notifier()
    with only_one(settings), failure_noted(settings), contextlib.suppress(asyncio.CancelledError):
        try:
            while True:
                async with compose(settings, notifier) as daemon:
                    await daemon.run()
                log.warning("the state came after skerry had begun without one; it begins again with that")
                if daemon.choice.private is not None:  # its data are below what came, and not the swarm's
                    await daemon.choice.private.stop()
        finally:
            notifier.stopping()


async def down(settings: Settings, purge: bool, volumes: bool) -> None:
    """Stop everything of an instance whose daemon has ended: tasks, gate, rules, the private engine."""
    with only_one(settings):
        await take_down(settings, purge=purge, volumes=volumes)


async def inventory(settings: Settings) -> None:
    """Write to standard output, as JSON, what `down --purge` would remove for good."""
    sys.stdout.write(msgspec.json.encode(await what_goes(settings)).decode())


async def adopt(settings: Settings) -> None:
    """Let the next start take the engine that is named, or whichever is where the swarm's own was."""
    with only_one(settings):
        persistence = SqlitePersistence(Path(settings.database), Path(settings.key_file))
        try:
            identity = adopted(engine_options(settings, persistence.engine, View()))
            if identity is not None:
                persistence.remember_engine(identity)
        finally:
            persistence.close()


async def check(settings: Settings, folder: Path, stack: str) -> None:
    """Open the state of a backup that was unpacked; write a stack's objects to standard output."""
    with restoring.unpacked_state(folder) as (_, view):
        objects = stack_objects(view, stack) if stack else {}
    sys.stdout.write(msgspec.json.encode(objects).decode())


async def prepare(settings: Settings, folder: Path, with_engine: bool) -> None:
    """See whether a backup can be restored, and write the socket of the engine for it to standard output."""
    with only_one(settings):
        refuse_used(settings)
        socket = await restoring.prepare(settings, folder, with_engine=with_engine)
    sys.stdout.write(socket)


async def place(settings: Settings, folder: Path) -> None:
    """Put the state of a backup where the next start finds it."""
    with only_one(settings):
        restoring.place(settings, folder)


def main() -> None:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(prog="skerryd")
    parser.add_argument("verb", choices=("up", "down", "inventory", "adopt", "check", "prepare", "place"))
    for name in ("run-dir", "data-dir", "name", "socket", "engine"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("--stack", default="")
    parser.add_argument("--with-engine", action="store_true")
    parser.add_argument("--purge", action="store_true")
    parser.add_argument("--volumes", action="store_true")
    options = parser.parse_args()
    settings = Settings(options.run_dir, options.data_dir, options.socket, options.name, options.engine)
    verbs = {
        "up": partial(up, settings),
        "down": partial(down, settings, options.purge, options.volumes),
        "inventory": partial(inventory, settings),
        "adopt": partial(adopt, settings),
        "check": partial(check, settings, options.folder, options.stack),
        "prepare": partial(prepare, settings, options.folder, options.with_engine),
        "place": partial(place, settings, options.folder),
    }
    log_to_stderr(Path(settings.log_file))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, OPEN_FILES)), hard))
    share_one_heap()
    wait_for_children_without_threads()
    faulthandler.enable(all_threads=True)  # a watchdog's SIGABRT leaves in the log where we hung
    refuse_core_dumps()
    try:
        asyncio.run(verbs[options.verb]())
    except (SkerryError, OSError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
