"""The gate's board: the last desired state, and how to wait until it changes."""

from __future__ import annotations

import asyncio

from skerry.gate.message import Desired
from skerry.gate.zone import Zone
from skerry.model.traffic import Backend, Traffic


class Board:
    """Holds the current `Traffic`, the zone made from it, and wakes those who wait for a newer one."""

    def __init__(self) -> None:
        self.desired = Desired(serial=0, traffic=Traffic())
        self.zone = Zone.of(Traffic())
        self._backends: dict[str, tuple[tuple[Backend, ...], float]] = {}
        self._ports: dict[str, tuple[tuple[Backend, ...], float]] = {}
        self._changed = asyncio.Event()

    def post(self, desired: Desired) -> None:
        """Put up a new state and wake everyone."""
        traffic = desired.traffic
        self.desired = desired
        self.zone = Zone.of(traffic)
        self._backends = {service.vip: (service.backends, service.hold_s) for service in traffic.services}
        for port in traffic.ports:  # a dnsrr service may have a VIP only for its held connections
            self._backends.setdefault(port.vip, (port.backends, port.hold_s))
        self._ports = {port.key: (port.backends, port.hold_s) for port in traffic.ports}
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def behind_vip(self, vip: str) -> tuple[tuple[Backend, ...], float] | None:
        """The backends of a VIP and how long it is held for (s); None for an unknown VIP."""
        return self._backends.get(vip)

    def behind_port(self, key: str) -> tuple[tuple[Backend, ...], float] | None:
        """The same for a published port."""
        return self._ports.get(key)

    async def newer(self, timeout_s: float) -> None:
        """Return when a newer state is up, or after the timeout."""
        try:
            async with asyncio.timeout(max(timeout_s, 0.0)):
                await self._changed.wait()
        except TimeoutError:
            return
