"""Which engine runs the tasks: one that is here, or a private one that skerry starts."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from skerry.engine.client import DockerEngine, connect_engine
from skerry.engine.embedded import Embedded, dockerds_here
from skerry.engine.port import EngineUnreachable

DEFAULT_SOCKET = Path("/var/run/docker.sock")
SCHEME = "unix://"
PRIVATE = "private"
"""Instead of an engine's address: a private one, whatever else is here."""
NO_LIVE_RESTORE = (
    "the engine has no live-restore: when it restarts, every task ends. Add "
    '"live-restore": true to /etc/docker/daemon.json and reload it (systemctl reload docker)'
)


class EngineInSwarm(EngineUnreachable):
    """The engine manages services itself: two managers on one engine would fight."""


@dataclass(frozen=True)
class Choice:
    """The engine that was chosen. `private` is its process where skerry owns it."""

    engine: DockerEngine
    private: Embedded | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def embedded(self) -> bool:
        """Whether it is skerry's own."""
        return self.private is not None


async def choose_engine(
    run_dir: Path,
    data_dir: Path,
    own_socket: Path,
    explicit: str | None,
    default_socket: Path = DEFAULT_SOCKET,
) -> Choice:
    """The engine that runs the tasks: `explicit` (DOCKER_HOST, or `private`), the machine's, skerry's own.

    `own_socket` is where skerry itself listens: a DOCKER_HOST that names it is for clients, not for us.
    Raises EngineUnreachable with one sentence that says what to do.
    """
    private = Embedded(run_dir, data_dir)
    if explicit == PRIVATE:
        explicit, default_socket = None, own_socket  # which is never looked at
    if explicit and not _same(named := _socket_of(explicit), own_socket):
        return await _checked(await connect_engine(str(named)))
    if private.pid:
        return Choice(await private.start(), private)
    if not _same(default_socket, own_socket) and (engine := await _answering(default_socket)) is not None:
        return await _checked(engine)
    others = dockerds_here()
    if others:
        raise EngineUnreachable(
            f"a dockerd runs here (process {others[0]}) and does not answer at {default_socket}: a second "
            f"one would break its network, so set DOCKER_HOST to {SCHEME} and the path of its socket"
        )
    return Choice(await private.start(), private)


async def running_engine(
    run_dir: Path, own_socket: Path, explicit: str | None, default_socket: Path = DEFAULT_SOCKET
) -> DockerEngine | None:
    """The engine that `choose_engine` would take, where it runs already; nothing is started or refused."""
    sockets = [run_dir / "engine.sock", default_socket]
    if explicit == PRIVATE:
        sockets, explicit = sockets[:1], None
    if explicit and not _same(named := _socket_of(explicit), own_socket):
        sockets = [named]
    for socket in sockets:
        if not _same(socket, own_socket) and (engine := await _answering(socket)) is not None:
            return engine
    return None


async def _answering(socket: Path) -> DockerEngine | None:
    try:
        return await connect_engine(str(socket))
    except EngineUnreachable:
        return None


async def _checked(engine: DockerEngine) -> Choice:
    """Refuses an engine in swarm mode; warns of one that takes its tasks down with it."""
    try:
        info = await engine.get("/info")
        state = str((info.get("Swarm") or {}).get("LocalNodeState") or "inactive")
        if state != "inactive":
            raise EngineInSwarm(
                f"the engine at {engine.socket} is in swarm mode itself ({state}): leave that swarm with "
                f"`docker -H {SCHEME}{engine.socket} swarm leave --force`, or give skerry another engine "
                "by DOCKER_HOST"
            )
    except BaseException:
        await engine.close()
        raise
    return Choice(engine, warnings=[] if info.get("LiveRestoreEnabled") else [NO_LIVE_RESTORE])


def _socket_of(host: str) -> Path:
    if not host.startswith(SCHEME):
        raise EngineUnreachable(
            f"DOCKER_HOST is {host}: skerry needs an engine on this machine, by its unix socket, "
            f"as in {SCHEME}/path"
        )
    return Path(host.removeprefix(SCHEME))


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
