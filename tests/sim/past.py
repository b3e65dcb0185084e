"""What the rows do not tell: when each thing was first seen."""

from __future__ import annotations

from dataclasses import dataclass, field

from skerry.model.objects import Service, Task
from skerry.model.states import TaskState
from skerry.store.store import Commit
from tests.sim.who import SETTLING


@dataclass
class Life:
    """One task's, also after its row has gone. Instants are virtual (ns): no clock that is set moves them."""

    task: Task
    """As it was made."""
    made_at: int
    last: Task
    service: Service | None
    """The service as it was when the task was made."""
    followed: str = ""
    """Whom it takes the place of in its slot: the last one made there before."""
    reached: dict[TaskState, int] = field(default_factory=dict)
    told: dict[TaskState, int] = field(default_factory=dict)
    gone_at: int | None = None
    by_itself: bool = False
    """Whether it has ended, and nobody had told it to."""

    def move(self, by: int) -> None:
        """Have everything so much later."""
        self.made_at += by
        self.reached = {state: at + by for state, at in self.reached.items()}
        self.told = {state: at + by for state, at in self.told.items()}
        self.gone_at = None if self.gone_at is None else self.gone_at + by


class Past:
    """Fed with every commit before it is checked."""

    def __init__(self) -> None:
        self.lives: dict[str, Life] = {}
        self.slots: dict[tuple[str, int], list[Life]] = {}
        """All lives of a slot, oldest first."""
        self._last_at = 0

    def take(self, commit: Commit, at: int, writer: str) -> None:
        """Note what a commit changed at a virtual instant.

        Where the clock was set back while nobody was there, a daemon can't know how long it was away, and
        goes on as if no time had passed: so does the past.
        """
        if writer == SETTLING:
            for life in self.lives.values():
                life.move(at - self._last_at)
        self._last_at = at
        for change in commit.changes:
            if isinstance(change.object, Task):
                self._task(change.object, change.new is None, commit, at)

    def _task(self, task: Task, gone: bool, commit: Commit, at: int) -> None:
        life = self.lives.get(task.id)
        if gone:
            if life is not None:
                life.gone_at = at
            return
        if life is None:
            row = self.slots.setdefault((task.service_id, task.slot), [])
            before = row[-1].task.id if row else ""
            life = Life(task, at, task, commit.view.services.get(task.service_id), before)
            self.lives[task.id] = life
            row.append(life)
        if task.status.state.terminal and not life.last.status.state.terminal:
            life.by_itself = life.last.live
        life.last = task
        life.reached.setdefault(task.status.state, at)
        life.told.setdefault(task.desired, at)

    def of_slot(self, task: Task) -> list[Life]:
        """The lives of a task's slot, its own included."""
        return self.slots[(task.service_id, task.slot)]
