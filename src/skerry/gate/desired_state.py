"""What the gate shall do: the last state that skerryd said, where a connection leads, word of changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from skerry.gate.message import Desired
from skerry.gate.zone import Zone
from skerry.model.traffic import Backend, Traffic


class Behind(NamedTuple):
    """Who serves a VIP or a published port, and how long its connections are held for."""

    service_id: str
    backends: tuple[Backend, ...]
    hold_s: float


@dataclass(frozen=True)
class Destination:
    """What a connection wants: a VIP's backends, or (`published`) those of a port's key, at `port`."""

    key: str
    port: int
    published: bool = False

    def behind(self, state: DesiredState) -> Behind | None:
        """Who serves that now; None where nobody ever will."""
        return state.behind_port(self.key) if self.published else state.behind_vip(self.key)


class DesiredState:
    """Holds the current `Traffic`, the zone made from it, and wakes those who wait for a newer one."""

    def __init__(self) -> None:
        self.desired = Desired(serial=0, traffic=Traffic())
        self.zone = Zone.of(Traffic())
        self.gateways: frozenset[str] = frozenset()
        """Addresses of the machine: who comes from one of these may be anybody."""
        self._vips: dict[str, Behind] = {}
        self._ports: dict[str, Behind] = {}
        self._callbacks: list[Callable[[], None]] = []
        self._changed = asyncio.Event()

    def post(self, desired: Desired) -> None:
        """Put up a new state and wake everyone."""
        traffic = desired.traffic
        self.desired = desired
        self.zone = Zone.of(traffic)
        self._vips = {
            service.vip: Behind(service.service_id, service.hearing, service.hold_s)
            for service in traffic.services
        }
        for service in traffic.services:
            for former in service.former:
                self._vips.setdefault(former.address, self._vips[service.vip])
        self._ports = {}
        for port in traffic.ports:
            behind = Behind(port.service_id, port.backends, port.hold_s)
            self._ports.setdefault(port.key, behind)  # IPv4 comes first: what is relayed goes that way
            if port.vip:  # a dnsrr service may have a VIP only for its held connections
                self._vips.setdefault(port.vip, behind)
        self.gateways = frozenset(block.gateway for segment in traffic.segments for block in segment.blocks)
        for callback in self._callbacks:
            callback()
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def on_post(self, callback: Callable[[], None]) -> None:
        """Call this whenever a newer state is up."""
        self._callbacks.append(callback)

    def behind_vip(self, vip: str) -> Behind | None:
        """Who serves a VIP; None for an unknown one."""
        return self._vips.get(vip)

    def behind_port(self, key: str) -> Behind | None:
        """The same for a published port."""
        return self._ports.get(key)

    async def newer(self, timeout_s: float) -> None:
        """Return when a newer state is up, or after the timeout."""
        try:
            async with asyncio.timeout(max(timeout_s, 0.0)):
                await self._changed.wait()
        except TimeoutError:
            return
