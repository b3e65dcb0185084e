"""Where the engine that runs the tasks is: the swarm's own, one that is here, or a private one.

The engine of a swarm has the volumes of its services: it is waited for, and no other takes its place unless
the user says so (`skerry up --adopt-engine`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from skerry.engine.admit import SCHEME, EngineRefused
from skerry.engine.client import DockerEngine, connect_engine
from skerry.engine.embedded import Embedded
from skerry.engine.port import EngineUnreachable
from skerry.model.identity import Identity
from skerry.model.settings import EnginePaths

DEFAULT_SOCKET = Path("/var/run/docker.sock")
PRIVATE = "private"
"""Instead of an engine's address: a private one, whatever else is here."""


@dataclass(frozen=True)
class EngineOptions:
    """What decides where the engine is."""

    run_dir: Path
    data_dir: Path
    own_socket: Path
    """Where skerry itself listens: a DOCKER_HOST that names it is for clients, not for us."""
    explicit: str | None = None
    """DOCKER_HOST, or `private`."""
    stored: Identity | None = None
    """The engine that the state was last on."""
    in_use: bool = False
    """Whether the state has a swarm."""
    default_socket: Path = DEFAULT_SOCKET

    @property
    def named(self) -> Path | None:
        """The socket that the user names."""
        if not self.explicit or self.explicit == PRIVATE:
            return None
        socket = _socket_of(self.explicit)
        return None if _same(socket, self.own_socket) else socket

    @property
    def wants_private(self) -> bool:
        """Whether the user names a private engine."""
        return self.explicit == PRIVATE


@dataclass(frozen=True)
class Choice:
    """The engine's socket. `private` is its process where skerry owns it."""

    socket: str
    private: Embedded | None = None
    awaited: bool = False
    """Whether skerry begins without it and waits for it."""


async def choose_engine(options: EngineOptions) -> Choice:
    """The engine's place. Raises EngineUnreachable with one sentence that says what to do."""
    _refuse_another(options)
    named_by_user = options.wants_private or options.named is not None
    if options.stored is not None and (options.in_use or not named_by_user):
        return _stored(options, options.stored)
    private = Embedded(options.run_dir, options.data_dir)
    if options.wants_private:
        return Choice(private.socket, private, awaited=options.in_use)
    if options.named is not None:
        return Choice(str(options.named), awaited=options.in_use)
    return await _around(options, private)


def _refuse_another(options: EngineOptions) -> None:
    """A swarm in use does not move because a variable is set differently."""
    stored, named = options.stored, options.named
    if stored is None or not options.in_use:
        return
    if options.wants_private:
        differs = not stored.private
    else:
        differs = named is not None and not _same(named, Path(stored.socket))
    if differs:
        raise EngineRefused(
            f"the swarm's tasks, images and volumes are on the engine at {stored.socket}, and "
            f"DOCKER_HOST or --engine is {options.explicit}: start skerry without that, or add "
            "--adopt-engine to move to that engine, which has none of them"
        )


def _stored(options: EngineOptions, stored: Identity) -> Choice:
    if not stored.private:
        return Choice(stored.socket, awaited=True)
    private = Embedded(options.run_dir, options.data_dir)
    if options.in_use and stored.id and not private.has_data:
        raise EngineRefused(
            f"the private engine's data are gone from {private.paths.data_root}, and the swarm's images and "
            "volumes with them: put them back, or begin with an empty engine: skerry up --adopt-engine"
        )
    return Choice(private.socket, private, awaited=True)


async def _around(options: EngineOptions, private: Embedded) -> Choice:
    """What is here: a private one that runs, the machine's, or a private one with data or no swarm."""
    machines = not _same(options.default_socket, options.own_socket)
    if private.pid:
        return Choice(private.socket, private, awaited=options.in_use)
    if machines and await _answers(options.default_socket):
        return Choice(str(options.default_socket), awaited=options.in_use)
    if options.in_use and not private.has_data:
        return Choice(str(options.default_socket), awaited=True)
    return Choice(private.socket, private, awaited=options.in_use)


async def running_engine(options: EngineOptions) -> DockerEngine | None:
    """The engine that `choose_engine` would take, where it runs already; nothing is started or refused."""
    sockets = [EnginePaths(options.run_dir, options.data_dir).socket, options.default_socket]
    if options.stored is not None:
        sockets = sockets[:1] if options.stored.private else [Path(options.stored.socket)]
    elif options.wants_private:
        sockets = sockets[:1]
    elif options.named is not None:
        sockets = [options.named]
    for socket in sockets:
        if not _same(socket, options.own_socket):
            try:
                return await connect_engine(str(socket))
            except EngineUnreachable:
                continue
    return None


def adopted(options: EngineOptions) -> Identity | None:
    """What is stored after `--adopt-engine`: whoever is where the user says, or where the engine was."""
    if options.wants_private:
        return Identity(Embedded(options.run_dir, options.data_dir).socket, private=True)
    if options.named is not None:
        return Identity(str(options.named))
    return options.stored and Identity(options.stored.socket, options.stored.private)


async def _answers(socket: Path) -> bool:
    try:
        engine = await connect_engine(str(socket))
    except EngineUnreachable:
        return False
    await engine.close()
    return True


def _socket_of(host: str) -> Path:
    if not host.startswith(SCHEME):
        raise EngineUnreachable(
            f"DOCKER_HOST is {host}: skerry needs an engine on this machine, by its unix socket, "
            f"as in {SCHEME}/path"
        )
    return Path(host.removeprefix(SCHEME))


def _same(path: Path, other: Path) -> bool:
    return os.path.realpath(path) == os.path.realpath(other)
