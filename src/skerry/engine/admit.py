"""Which engines must not be used though they answer, each refused in a sentence that says what to do."""

from __future__ import annotations

import asyncio
import socket
import struct

from msgspec import MsgspecError

from skerry.engine.port import Engine, EngineUnreachable
from skerry.linux import netns
from skerry.linux.processes import process_name
from skerry.model.identity import Identity
from skerry.model.objects import Raw

SCHEME = "unix://"
ANOTHER = "give skerry another engine by DOCKER_HOST"
CREDENTIALS = struct.Struct("3i")
"""struct ucred: process, user, group."""


class EngineRefused(EngineUnreachable):
    """It answers, and skerry must not run tasks on it."""


async def admit(engine: Engine, expected: Identity | None, *, private: bool) -> Identity:
    """Who answers. Raises EngineRefused where that is not `expected`, or no engine for skerry."""
    try:
        return await _known(engine, expected, private=private)
    except (LookupError, TypeError, AttributeError, MsgspecError) as error:
        raise EngineUnreachable(f"what answers at {engine.socket} is no Docker Engine: {error!r}") from error


async def _known(engine: Engine, expected: Identity | None, *, private: bool) -> Identity:
    """The engine's identity, after a look at whether it is one that skerry can use at all."""
    info, version = await engine.get("/info"), await engine.get("/version")
    if not private:
        _refuse_swarm(engine, info)
        await _refuse_elsewhere(engine, info)
    identity = Identity(
        engine.socket,
        private,
        str(info.get("ID", "")),
        str(info.get("DockerRootDir", "")),
        bool(info.get("LiveRestoreEnabled")),
        version,
    )
    if expected is not None and not private and not expected.is_now(identity):
        raise EngineRefused(
            f"the engine at {engine.socket} is not the one that has this swarm's tasks, images and volumes: "
            f"that one is {expected.id} with its data in {expected.root}, this one {identity.id} with "
            f"{identity.root}. Bring that one back, or go on with this one: skerry up --adopt-engine"
        )
    return identity


def _refuse_swarm(engine: Engine, info: Raw) -> None:
    """Two managers of services on one engine would fight."""
    state = str((info.get("Swarm") or {}).get("LocalNodeState") or "inactive")
    if state != "inactive":
        raise EngineRefused(
            f"the engine at {engine.socket} is in swarm mode itself ({state}): leave that swarm with "
            f"`docker -H {SCHEME}{engine.socket} swarm leave --force`, or {ANOTHER}"
        )


async def _refuse_elsewhere(engine: Engine, info: Raw) -> None:
    """Bridges, rules and names are made in our network namespace: containers have to be there, too."""
    if any("name=rootless" in option for option in info.get("SecurityOptions") or ()):
        raise EngineRefused(
            f"the engine at {engine.socket} is rootless: its containers are in a network namespace of their "
            f"own, which skerry can't serve. Run dockerd as root, or {ANOTHER}"
        )
    process = await _serving(engine.socket)
    if process_name(process) == "dockerd":
        reachable = netns.inode(netns.of_process(process)) in (None, netns.inode(netns.OWN))
    else:  # systemd listens in its place, or it is in another process namespace
        reachable = await _has_a_bridge_here(engine)
    if not reachable:
        raise EngineRefused(
            f"the engine at {engine.socket} is in another network namespace than skerry: its containers "
            f"can't be reached from here. Start skerry in that namespace, or {ANOTHER}"
        )


async def _serving(path: str) -> int:
    """The process that listens at a socket; 0 where it can't be seen from here."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError as error:
        raise EngineUnreachable(f"no Docker Engine answers at {path}: {error}") from error
    try:
        sock: socket.socket = writer.get_extra_info("socket")
        process, _, _ = CREDENTIALS.unpack(
            sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
        )
        return int(process)
    finally:
        writer.close()


async def _has_a_bridge_here(engine: Engine) -> bool:
    """Whether one of the engine's bridges is a link here; an engine without any may be anywhere."""
    networks = await engine.get_list("/networks", filters='{"driver": ["bridge"]}')
    bridges = [
        (network.get("Options") or {}).get("com.docker.network.bridge.name") or f"br-{network['Id'][:12]}"
        for network in networks
    ]
    return not bridges or not {name for _, name in socket.if_nameindex()}.isdisjoint(bridges)
