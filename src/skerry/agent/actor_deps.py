"""What every actor works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from skerry.agent.clearing import Clearing
from skerry.agent.former import FormerTasks
from skerry.agent.report import Reporter
from skerry.agent.resolvfiles import ResolvFiles
from skerry.agent.task_folders import TaskFolders
from skerry.agent.task_image import Images
from skerry.agent.task_network import TaskNetwork
from skerry.core.apisocket import ApiSocket
from skerry.engine.port import Engine
from skerry.health.prober import Prober
from skerry.model.conditions import Conditions
from skerry.model.listening import ListeningSocket
from skerry.store.store import Store

ListenersOf = Callable[[int, str], tuple[ListeningSocket, ...] | None]
"""What listens in the container of a process, which a runtime runs; None where nobody can tell. Blocks."""


def nobody_can_tell(pid: int, runtime: str) -> tuple[ListeningSocket, ...] | None:
    """Where no kernel can be asked."""
    return None


@dataclass(frozen=True)
class AgentDeps:
    """`clock` is wall-clock nanoseconds; `instance` is the name that tells instances on one engine apart."""

    store: Store
    engine: Engine
    images: Images
    traffic: TaskNetwork
    folders: TaskFolders
    resolvers: ResolvFiles
    reporter: Reporter
    prober: Prober
    clock: Callable[[], int]
    conditions: Conditions
    former: FormerTasks
    instance: str
    api_socket: ApiSocket | None = None
    """What a container gets that binds the engine's socket; None leaves that as it is."""
    clearing: Clearing = field(default_factory=Clearing)
    frozen: set[str] = field(default_factory=set)
    """IDs of the containers that skerry itself has paused, for a moment."""
    listeners_of: ListenersOf = nobody_can_tell
