"""The same world, moved by Hypothesis: what fails shrinks to a short story."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.sim.faults import Faults, restarts
from tests.sim.run import calm_down, come_to_rest
from tests.sim.story import Violation
from tests.sim.users import NETWORKS, Users
from tests.sim.world import World, world

CHANCES = st.randoms(use_true_random=False)


class Machine(RuleBasedStateMachine):
    """Each rule is an action of somebody, or time that passes."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._failed = False

    @initialize(seed=st.integers(0, 1000))
    def begin(self, seed: int) -> None:
        """A world whose engine and kernel draw their own numbers."""
        self.world = self._stack.enter_context(world(seed))
        self.users, self.faults = Users(self.world), Faults(self.world)
        self._run(self._begin())

    async def _begin(self) -> None:
        await self.world.start()
        self._supervisor = asyncio.create_task(restarts(self.world))
        for _ in NETWORKS:
            await self.users.do(self.users.network)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            self.world.loop.run_until_complete(work)
        except Violation as found:
            self._failed = True
            raise AssertionError(f"{self.world.story.last()}\n{found}") from found

    def _user(self, chance: random.Random, act: Callable[[Users], Any]) -> None:
        with self._drawing(chance):
            self._run(self.users.do(lambda: act(self.users)))

    @contextmanager
    def _drawing(self, chance: random.Random) -> Iterator[None]:
        """Let an action draw what Hypothesis can shrink; all the rest draws from the seed."""
        before, self.world.chance = self.world.chance, chance
        try:
            yield
        finally:
            self.world.chance = before

    def _has_services(self) -> bool:
        return bool(self.world.view.services)

    @rule(chance=CHANCES)
    def create(self, chance: random.Random) -> None:
        self._user(chance, Users.create)

    @precondition(_has_services)
    @rule(chance=CHANCES)
    def update(self, chance: random.Random) -> None:
        self._user(chance, Users.update)

    @precondition(_has_services)
    @rule(chance=CHANCES)
    def scale(self, chance: random.Random) -> None:
        self._user(chance, Users.scale)

    @precondition(_has_services)
    @rule(chance=CHANCES)
    def roll_back(self, chance: random.Random) -> None:
        self._user(chance, Users.roll_back)

    @precondition(_has_services)
    @rule(chance=CHANCES)
    def remove(self, chance: random.Random) -> None:
        self._user(chance, Users.remove)

    @rule(chance=CHANCES)
    def change_the_node(self, chance: random.Random) -> None:
        self._user(chance, Users.node)

    @rule(chance=CHANCES)
    def fail(self, chance: random.Random) -> None:
        with self._drawing(chance):
            self._run(self._strike())

    async def _strike(self) -> None:
        self.faults.strike()

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 20.0, 90.0]))
    def wait(self, seconds: float) -> None:
        self._run(asyncio.sleep(seconds))

    def teardown(self) -> None:
        """In the end all comes to rest."""
        try:
            if hasattr(self, "world") and not self._failed:
                self._run(calm_down(self.world, self.users, self._supervisor))
                self._run(come_to_rest(self.world))
        finally:
            self._stack.close()


Machine.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    phases=(Phase.generate, Phase.shrink),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(600)
class TestMachine(Machine.TestCase):  # type: ignore[misc,valid-type]
    """Seconds where it passes; where it fails, shrinking takes minutes."""
