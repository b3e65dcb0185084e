"""The kernel's side: what has been applied stands, whichever daemon applied it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping

from skerry.model.drain import DrainOutcome, DrainRules
from skerry.model.listening import Listening
from skerry.model.traffic import Backend, PortReservations, Segment, Traffic
from tests.sim.engine import MovedEngine
from tests.sim.weather import Weather
from tests.sim.who import WHO

LOOK_S = 5.0
"""What a container does may change: so often is looked anew."""


def backends_of(traffic: Traffic) -> set[Backend]:
    """All backends of a table."""
    rows = [service.backends for service in traffic.services] + [port.backends for port in traffic.ports]
    return {backend for row in rows for backend in row}


class Kernel:
    """Switch, drainer and dresser in one. `applied` is the table that stands."""

    def __init__(self, weather: Weather, engine: MovedEngine) -> None:
        self.applied = Traffic()
        self.foreign: dict[str, str] = {}
        """Ports that another program of this machine holds, and what the gate says about them."""
        self.alive: Callable[[], int] = lambda: 0
        self.on_apply: Callable[[Traffic], None] = lambda traffic: None
        self._callback: Callable[[PortReservations], None] = lambda held: None
        self._weather = weather
        self._engine = engine

    def backends(self) -> set[str]:
        """The tasks that new connections reach."""
        return {backend.task_id for backend in backends_of(self.applied)}

    def _reached(self) -> None:
        if WHO.get().daemon != self.alive():
            raise OSError("killed")

    async def apply(self, traffic: Traffic) -> PortReservations:
        """Take a whole table over, or fail and keep the one before."""
        self._reached()
        self.on_apply(traffic)
        await asyncio.sleep(self._weather.lasts("apply"))
        self._reached()
        if self._weather.strikes(0.05):
            raise OSError("nft: Device or resource busy")
        self.applied = traffic
        return self._held()

    def _held(self) -> PortReservations:
        keys = {port.key for port in self.applied.ports}
        refused = {key: why for key, why in self.foreign.items() if key in keys}
        return PortReservations(frozenset(keys - refused.keys()), refused)

    def take_port(self, key: str) -> None:
        """Another program begins to hold a port."""
        self.foreign[key] = "address already in use"

    def free_ports(self) -> None:
        """No other program holds a port any more, which the gate finds out by itself."""
        self.foreign.clear()
        self._callback(self._held())

    async def restore(self) -> None:
        """Nobody flushes anything here."""
        self._reached()

    def on_reservations(self, callback: Callable[[PortReservations], None]) -> None:
        """Whom to tell when a port becomes ours."""
        self._callback = callback

    async def drain(self, pid: int, address: str | None, rules: DrainRules) -> DrainOutcome:
        """Wait for requests in flight."""
        self._reached()
        left = self._weather.strikes(0.05)
        lasts = rules.timeout / 1e9 if left else self._weather.lasts("drain")
        await asyncio.sleep(lasts)
        return DrainOutcome(int(left), int(lasts * 1e9), 0)

    async def forget(self, addresses: Iterable[str], *, established: bool = True) -> None:
        """Flows are not simulated."""
        self._reached()

    async def displaced(self, pid: int, places: Mapping[str, str], runtime: str = "") -> Mapping[str, str]:
        """Nobody rewires anything here."""
        self._reached()
        return {}

    async def silence(self, pid: int, listening: Listening, runtime: str, timeout_s: float | None) -> str:
        """A container listens when it is ready."""
        loop = asyncio.get_running_loop()
        end = math.inf if timeout_s is None else loop.time() + timeout_s
        while True:
            self._reached()
            left = self._engine.ready_at(pid) - loop.time()
            if left <= 0:
                return ""
            if loop.time() >= end:
                return listening.silent([])
            await asyncio.sleep(min(left, end - loop.time(), LOOK_S))

    async def mended(self, refusal: str) -> bool:
        """The engine here needs no rules."""
        return False

    async def lead_names(self, pid: int, leg: str, address: str) -> None:
        """Nobody asks for names here."""

    async def faults(self, segments: Iterable[Segment]) -> Mapping[str, str]:
        """Nor does anybody take something away."""
        self._reached()
        return {}

    def stands(self, segment: Segment) -> bool:
        """Whether the bridge is there."""
        return f"skerry.{segment.network_id}" in self._engine.networks

    def on_lost(self, callback: Callable[[], None]) -> None:
        """Whom to tell: nothing is lost."""

    async def ensure_segment(self, segment: Segment) -> bool:
        """Dress a bridge that the engine has made."""
        self._reached()
        if f"skerry.{segment.network_id}" not in self._engine.networks:
            raise OSError(f"bridge {segment.bridge} does not exist")
        if self._weather.strikes(0.1):
            raise OSError("netlink: busy")
        return False

    async def drop_segment(self, segment: Segment) -> None:
        """Undress it."""
        self._reached()
