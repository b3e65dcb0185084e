"""A plan in the making: every step of a pass reads and changes it, so later steps see earlier ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from skerry.core import restart
from skerry.core.addresses import Allocator
from skerry.core.attach import attachments
from skerry.core.index import reserved
from skerry.core.plan import PLACEHOLDER, Plan
from skerry.core.slots import Slot, slots_of
from skerry.core.view import View
from skerry.model import defaults, labels
from skerry.model.objects import FormerAddress, Node, Note, Service, Task, TaskStatus
from skerry.model.spec import endpoint_of, template_of
from skerry.model.specs import RestartPolicy, ServiceSpec, UpdateConfig
from skerry.model.states import TaskState

AT_ONCE = 500
"""So many tasks may one pass make; its commit leads to the next, and others have their turn between them."""

MOST_TASKS = 10_000
"""So many slots of one service may there be: more than a node can run."""

NOTHING_TO_DO = "nothing to do"
"""The note of a service that is as it should be."""

UPDATING, ROLLBACK_STARTED = "updating", "rollback_started"
UNDER_WAY = frozenset({UPDATING, ROLLBACK_STARTED})
"""States of an update that goes on."""


@dataclass
class Draft:
    """One service's pass at one instant. Only the steps in this package touch it."""

    view: View
    service: Service
    node: Node
    now: int
    spec: ServiceSpec = field(init=False)
    tasks: dict[str, Task] = field(init=False)
    allocator: Allocator = field(init=False)
    formers: list[FormerAddress] = field(default_factory=list)
    """Addresses to remember."""
    forgotten: list[FormerAddress] = field(default_factory=list)
    """Those whose time is over."""
    notes: list[Note] = field(default_factory=list)
    wake_at: int | None = None
    waits: str = ""
    """What has to come before its tasks start, in words."""
    awaited: tuple[str, ...] = ()
    """The names of the services that it waits for."""
    in_order: bool = False
    """Nothing of it runs, and it starts only after others: its tasks are prepared first."""
    _made: int = 0
    _slots: dict[int, Slot] = field(default_factory=dict)
    _stale: set[int] = field(default_factory=set)
    """The slots of tasks that were written since `slots` looked."""

    def __post_init__(self) -> None:
        self._given = self.service
        self._before = {task.id: task for task in self.view.tasks_of(self.service.id)}
        self.tasks = dict(self._before)
        self._stale = {task.slot for task in self.tasks.values()}
        self.allocator = Allocator(self.view)
        self.spec = self.service.spec.typed

    @property
    def policy(self) -> RestartPolicy:
        """The restart policy in force."""
        return self.spec.task_template.restart_policy

    @property
    def longest_pause(self) -> int:
        """How far the pauses of a crash loop may grow (ns)."""
        return labels.read_duration(self.spec.labels, labels.RESTART_MAX_DELAY)

    @property
    def is_global(self) -> bool:
        """Whether the service has one task a node."""
        return self.spec.mode.is_global

    @property
    def goal(self) -> TaskState:
        """What is desired of a task that may start."""
        return TaskState.COMPLETE if self.service.is_job else TaskState.RUNNING

    @property
    def begins_as(self) -> TaskState:
        """What is desired of a task that follows no other."""
        return TaskState.READY if self.in_order else self.goal

    def name(self, slot: int) -> str:
        """How a slot is called: `web.2`, or `web` where there is one place only."""
        return self.service.name if self.is_global else f"{self.service.name}.{slot}"

    def slots(self) -> dict[int, Slot]:
        """The slots as the draft has them now."""
        if self._stale:
            tasks = (task for task in self.tasks.values() if task.slot in self._stale)
            unchanged = {number: slot for number, slot in self._slots.items() if number not in self._stale}
            fresh = slots_of(self.service, tasks, self.policy, self.node)
            self._slots = dict(sorted((unchanged | fresh).items()))
            self._stale.clear()
        return self._slots

    def write_service(self, service: Service) -> None:
        """Change the service itself."""
        self.service = service
        self.spec = service.spec.typed
        self._stale = {task.slot for task in self.tasks.values()}

    def write(self, task: Task) -> None:
        """Put a task's row as it shall be."""
        self.tasks[task.id] = task
        self._stale.add(task.slot)

    def want(self, task: Task, desired: TaskState) -> None:
        """Raise a task's desired state; it never falls."""
        if desired > task.desired:
            self.write(replace(self.tasks[task.id], desired=desired))

    def changed_at(self, task: Task) -> int:
        """When a task's row last changed, this pass included."""
        return task.updated_at if self._before.get(task.id) is task else self.now

    @property
    def updating(self) -> bool:
        """Whether an update goes on, so that every slot that is out of date has its turn."""
        return self.service.update is not None and self.service.update.state in UNDER_WAY

    @property
    def update_config(self) -> UpdateConfig:
        """The settings of the update or rollback that goes on."""
        update = self.service.update
        rolling_back = update is not None and update.state == ROLLBACK_STARTED
        chosen = self.spec.rollback_config if rolling_back else self.spec.update_config
        return chosen or UpdateConfig(parallelism=defaults.PARALLELISM)

    @property
    def room(self) -> int:
        """How many tasks this pass may still make."""
        return max(0, AT_ONCE - self._made)

    def room_for_slots(self, held: int) -> int:
        """How many slots may be begun beside `held` ones: no more wait than one pass makes, however many are
        asked for."""
        waiting = sum(task.live and task.status.state < TaskState.RUNNING for task in self.tasks.values())
        return max(0, min(self.room, AT_ONCE - waiting, MOST_TASKS - held))

    def adopt(self, task: Task, of_update: int) -> None:
        """Make a task, which is as the spec says, one of another update to that spec."""
        version = self.service.spec_version
        if (task.update_started_at, task.spec_version) != (of_update, version):
            self.write(replace(self.tasks[task.id], update_started_at=of_update, spec_version=version))

    def drop(self, task: Task) -> None:
        """Forget a task's row."""
        del self.tasks[task.id]
        self._stale.add(task.slot)

    def set_status(self, task: Task, state: TaskState, message: str, err: str = "") -> None:
        """Record what the orchestrator itself knows of a task (up to ASSIGNED, or that it never began)."""
        status = TaskStatus(state, self.now, message, err)
        if replace(task.status, at=0) != replace(status, at=0):
            self.write(replace(self.tasks[task.id], status=status))

    def create(
        self,
        slot: int,
        desired: TaskState,
        *,
        start_after: int = 0,
        follows: str = "",
        of_update: int = 0,
        streak: int = 0,
    ) -> Task:
        """Make a task of the spec as it is now."""
        self._made += 1
        task = Task(
            id=f"{PLACEHOLDER}{self._made}",
            service_id=self.service.id,
            service_name=self.service.name,
            node_id=self.node.id,
            spec=template_of(self.service.spec),
            endpoint_spec=endpoint_of(self.service.spec),
            spec_version=self.service.spec_version,
            desired=desired,
            status=TaskStatus(TaskState.PENDING, self.now, "pending task scheduling"),
            slot=slot,
            labels=self.spec.labels,
            created_at=self.now,
            start_after=start_after,
            follows=follows,
            update_started_at=of_update,
            attachments=attachments(self.view, self.service),
            registry_auth=self.service.registry_auth,
            job_iteration=self.service.job_iteration if self.service.is_job else None,
            streak=streak,
        )
        self.write(task)
        return task

    def err_of_wait(self, task: Task) -> str:
        """What a task waits for, in words: the pause of a crash loop, or other services; "" for any other."""
        if task.start_after > self.now and (pause := restart.crash_loop(task)):
            return pause
        return "" if task.update_started_at else self.waits

    def reserved_beside(self, task: Task) -> tuple[int, int]:
        """NanoCPUs and memory that other tasks have reserved, without what makes way for this one."""
        cpus, memory = self.view.index.nano_cpus, self.view.index.memory_bytes
        for key in {**self._before, **self.tasks}:
            before = self._before.get(key)
            now = None if key in (task.id, task.follows) else self.tasks.get(key)
            if before is now:
                continue
            for row, sign in ((before, -1), (now, 1)):
                if row is not None and row.placed:
                    held = reserved(row)
                    cpus, memory = cpus + sign * held[0], memory + sign * held[1]
        return cpus, memory

    def wake(self, at: int) -> None:
        """Ask for another pass at an instant, if that is still to come."""
        if at > self.now:
            self.wake_at = at if self.wake_at is None else min(self.wake_at, at)

    def say(self, text: str, until: int = 0, of: int = 0) -> None:
        """Add to the decision in words; `until` is the instant that it waits for, of a wait of `of` (ns)."""
        self.notes.append(Note(text, self.now, until, of))

    def plan(self) -> Plan:
        """What has come of it."""
        first = next((note for note in self.notes if note.until), Note(""))
        text = "; ".join(dict.fromkeys(note.text for note in self.notes))
        return Plan(
            service=self.service if self.service is not self._given else None,
            tasks=tuple(task for key, task in self.tasks.items() if self._before.get(key) is not task),
            deleted=tuple(task for key, task in self._before.items() if key not in self.tasks),
            formers=tuple(self.formers),
            forgotten=tuple(self.forgotten),
            wake_at=self.wake_at,
            awaited=self.awaited,
            note=Note(text or NOTHING_TO_DO, self.now, first.until, first.of),
        )
