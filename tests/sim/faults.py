"""What goes wrong from outside: the engine, the daemon, containers, other programs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from tests.sim.loop import SECOND
from tests.sim.world import World

SEEN_NS = 12 * SECOND
"""So long after it was set forward, a daemon that is killed could not know that the clock was set."""


class Faults:
    """Each method is one mishap."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def _chance(self) -> random.Random:
        return self._world.chance

    def strike(self) -> None:
        """One of them."""
        kinds: list[tuple[int, Callable[[], None]]] = [
            (4, self.kill), (3, self.engine_away), (4, self.container_ends), (2, self.container_removed),
            (2, self.events_break), (1, self.container_restarted), (1, self.port_taken), (1, self.clock_set),
        ]  # fmt: skip
        (chosen,) = self._chance.choices([one for _, one in kinds], [weight for weight, _ in kinds])
        chosen()

    def _tell(self, what: str) -> None:
        self._world.story.tell("fault", what)

    def _box(self) -> str | None:
        running = sorted(box.name for box in self._world.engine.boxes.values() if box.running)
        return self._chance.choice(running) if running else None

    def kill(self) -> None:
        """The daemon, a few turns from now."""
        if self._world.loop.now > self._world.clock_set_at + SEEN_NS:
            self._world.kill_in(self._chance.randint(0, 80))

    def engine_away(self) -> None:
        """Nobody answers for a while."""
        lasts = self._chance.choice([0.2, 2.0, 10.0, 40.0]) * self._chance.random()
        self._tell(f"the engine is away for {lasts:.1f} s")
        self._world.engine.go_down()
        self._world.loop.call_later(lasts, self._world.engine.come_back)

    def container_ends(self) -> None:
        """A running container ends."""
        name, code = self._box(), self._chance.choice([0, 1, 137])
        if name is not None:
            self._tell(f"{name} ends with {code}")
            self._world.engine.end(name, code)

    def container_removed(self) -> None:
        """Somebody removes a container by force, with or without a word from the engine."""
        name = self._box()
        if name is not None:
            self._tell(f"{name} is removed from outside")
            self._world.engine.end(name, 137)
            self._world.engine.lose(name)

    def container_restarted(self) -> None:
        """Somebody runs `docker restart`."""
        name = self._box()
        if name is not None:
            self._tell(f"{name} is restarted from outside")
            self._world.engine.restart(name)

    def events_break(self) -> None:
        """The event streams end."""
        self._tell("the engine's event streams break")
        self._world.engine.break_events()

    def clock_set(self) -> None:
        """Somebody sets the machine's clock; forward only while the daemon is there to see it."""
        by = self._chance.choice([-3600.0, -20.0, -3.0, 3.0, 20.0, 3600.0, 86400.0])
        if by > 0 and (self._world.daemon is None or self._world.kill_is_due):
            return
        self._tell(f"the machine's clock is set by {by:+g} s")
        self._world.set_clock(by)

    def port_taken(self) -> None:
        """Another program holds a port for a while, from the next time that the gate looks."""
        key = self._chance.choice(["tcp/80", "tcp/443", "tcp/30000"])
        self._tell(f"another program takes {key}")
        self._world.kernel.take_port(key)
        self._world.loop.call_later(30.0, self._world.kernel.free_ports)


async def restarts(world: World) -> None:
    """The supervisor: a daemon that was killed is started again, for ever."""
    while True:
        await asyncio.sleep(0.05)
        if world.daemon is None:
            await asyncio.sleep(world.chance.choice([0.0, 0.5, 3.0, 20.0]) * world.chance.random())
            await world.start()
