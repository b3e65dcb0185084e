"""The API over the network: TLS at the addresses that the state names, for the users whom it knows."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

import structlog

from skerry.api.door.connection import Connection
from skerry.api.door.frontdoor import Server, backlog
from skerry.control.certificates import issue_to_server
from skerry.model.caller import Caller
from skerry.model.conditions import Conditions
from skerry.model.defaults import HOUR
from skerry.model.objects import Cluster, Listener, User
from skerry.store.store import Store, about

if TYPE_CHECKING:
    from skerry.api.door.tls import TlsSession
    from skerry.api.door.tls_identity import TlsIdentity

LOOK_S = 15.0
"""How often it is looked again whether an address can be served that could not."""
CERTIFICATE_DAYS = 30
RENEWED = 24 * HOUR
"""So old does the API's own certificate get."""
STRANGERS = 256
"""So many connections may be without a certificate at a time; more are closed."""

log = structlog.get_logger()


class Keeper(Protocol):
    """Who keeps listening sockets while skerryd is away."""

    def inherit(self, address: str, /) -> socket.socket | None:
        """The socket that was left at an address."""

    def keep_remote(self, listeners: Mapping[str, socket.socket], /) -> None:
        """Keep these, and no others."""


@dataclass
class ServedAddress:
    """An address that is served."""

    listener: Listener
    socket: socket.socket
    server: asyncio.Server
    identity: TlsIdentity

    def shows(self, listener: Listener, cluster: Cluster | None) -> bool:
        """Whether it is served as the state says."""
        known = cluster is not None and cluster.ca_cert == self.identity.authority
        return known and listener.names == self.listener.names


class RemoteListeners:
    """Serves where the state says, from `attach` on. A user who is removed is cut off."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], int],
        interfaces: Callable[[], Mapping[str, str]],
        conditions: Conditions,
        keeper: Keeper | None = None,
    ) -> None:
        """`keeper` keeps the sockets when this ends."""
        self._store = store
        self._keeper = keeper
        self._clock = clock
        self._interfaces = interfaces
        self._conditions = conditions
        self._server: Server | None = None
        self._places: dict[str, ServedAddress] = {}
        self._faults: dict[str, str] = {}
        self._users: dict[TlsSession, str] = {}
        """Who is at the other end of each connection that has a certificate."""
        self._strangers = 0
        self._lock = asyncio.Lock()

    def attach(self, server: Server) -> None:
        """Whoever comes is served by this front door."""
        self._server = server

    async def run(self) -> None:
        """Follow the state, for ever."""
        async with self._store.watch(about(User, Listener, Cluster)) as commits:
            look = True
            while True:
                await self._match(look=look)
                try:
                    async with asyncio.timeout(LOOK_S):
                        await commits.get()
                    look = False
                except TimeoutError:
                    look = True
                while not commits.empty():
                    commits.get_nowait()

    async def listens(self, address: str) -> str:
        """Wait until it is served as the state says; why it is not at this address, or ""."""
        await self._match()
        return self._faults.get(address, "")

    def close(self) -> None:
        """Accept nobody any more."""
        for place in self._places.values():
            place.server.close()
        self._places.clear()

    async def _match(self, *, look: bool = False) -> None:
        """Open and close what the state says, and cut off who is gone. `look`: at this machine's addresses
        too, which clients may call us by."""
        async with self._lock:
            view = self._store.view
            for session, user in tuple(self._users.items()):
                if user not in view.users:
                    session.raw.abort()
            before = set(self._places)
            for key in [key for key in self._places if key not in view.listeners]:
                self._places.pop(key).server.close()
            for key in [key for key in self._faults if key not in view.listeners]:
                self._clear(key)
            for listener in view.listeners.values():
                place = self._places.get(listener.id)
                if look or place is None or not place.shows(listener, view.cluster):
                    await self._serve(listener, view.cluster)
            if self._keeper is not None and set(self._places) != before:
                self._keeper.keep_remote({key: place.socket for key, place in self._places.items()})

    async def _serve(self, listener: Listener, cluster: Cluster | None) -> None:
        """Serve at an address, with a certificate that is still good."""
        place = self._places.get(listener.id)
        try:
            if cluster is None or not cluster.ca_key:
                raise OSError("the swarm is locked, so there is no certificate")
            names = await asyncio.to_thread(self._names, listener, cluster)
            if place is None or self._is_stale(place.identity, names, cluster):
                identity = self._identity(names, cluster)
                if place is None:
                    self._places[listener.id] = await self._opened(listener, identity)
                    log.info("serving with TLS", address=listener.id)
                else:
                    self._renew(place, listener, identity)
        except (OSError, ValueError) as error:
            fault = f"{listener.id} can't be served: {getattr(error, 'strerror', None) or error}"
            self._faults[listener.id] = fault
            self._conditions.set(listener.id, fault)
        else:
            self._clear(listener.id)

    def _clear(self, key: str) -> None:
        if self._faults.pop(key, None) is not None:
            self._conditions.clear(key)

    async def _opened(self, listener: Listener, identity: TlsIdentity) -> ServedAddress:
        """Listen there, at the socket that was left where there is one. Raises OSError."""
        sock = self._keeper.inherit(listener.id) if self._keeper is not None else None
        if sock is None:
            family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
            sock = socket.create_server((listener.host, listener.port), family=family)
        server = await asyncio.get_running_loop().create_server(
            lambda: self._session(listener.id), sock=sock, backlog=backlog()
        )
        return ServedAddress(listener, sock, server, identity)

    # ---- the certificate

    def _names(self, listener: Listener, cluster: Cluster) -> tuple[str, ...]:
        """By which clients may call us there."""
        own = {*self._interfaces().values(), "127.0.0.1", "::1"}
        node = self._store.view.nodes.get(cluster.node_id)
        everywhere = listener.host in ("0.0.0.0", "::")
        addresses = own if everywhere else {listener.host}
        addresses |= {node.address} if node is not None and node.address else set()
        return (*listener.names, "localhost", socket.gethostname(), *sorted(addresses))

    def _is_stale(self, identity: TlsIdentity, names: tuple[str, ...], cluster: Cluster) -> bool:
        old = self._clock() - identity.made_at > RENEWED
        return old or identity.names != names or identity.authority != cluster.ca_cert

    def _identity(self, names: tuple[str, ...], cluster: Cluster) -> TlsIdentity:
        from skerry.api.door.tls_identity import (
            TlsIdentity,
            server_context,
        )  # ssl comes with it, and is large

        now = self._clock()
        issued = issue_to_server(cluster.ca_cert, cluster.ca_key, names, now, CERTIFICATE_DAYS)
        context = server_context(cluster.ca_cert, issued.certificate + issued.key)
        return TlsIdentity(context, cluster.ca_cert, names, now)

    def _renew(self, place: ServedAddress, listener: Listener, identity: TlsIdentity) -> None:
        """Show another certificate from now on; who was known by another authority is known no more."""
        if place.identity.authority != identity.authority:
            for session in tuple(self._users):
                session.raw.abort()
        place.identity, place.listener = identity, listener

    # ---- connections

    def _session(self, key: str) -> asyncio.Protocol:
        """Somebody connects."""
        place = self._places.get(key)
        if place is None or self._strangers >= STRANGERS:
            return _Closed()
        self._strangers += 1
        return place.identity.session(self._admit, self._ended)

    def _ended(self, session: TlsSession) -> None:
        if self._users.pop(session, None) is None:
            self._strangers -= 1

    def _admit(self, session: TlsSession, certificate: bytes, address: str) -> asyncio.Protocol | None:
        """The connection of a user whose certificate this is, or None for any other."""
        assert self._server is not None
        fingerprint, now = sha256(certificate).hexdigest(), self._clock()
        for user in self._store.view.users.values():
            if user.fingerprint == fingerprint and user.expires_at > now:
                self._users[session] = user.id
                self._strangers -= 1
                return Connection(self._server, Caller(user=user.id, address=address))
        log.warning("a certificate that no user has", address=address, fingerprint=fingerprint)
        return None


class _Closed(asyncio.Protocol):
    """Nobody."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hang up."""
        transport.close()
