"""Tasks that may not stay: the node is being drained, or is no longer one that they ask for.

Swarm shuts them down and makes others, which wait until there is a node for them; the restart delay does not
apply. Source: swarmkit `orchestrator/restart`, `constraintenforcer`.
"""

from __future__ import annotations

from skerry.core.draft import Draft
from skerry.core.place import may_stay
from skerry.model.states import TaskState


def evict(draft: Draft) -> None:
    """Tell placed tasks that may not stay to go; whoever fills slots makes others."""
    leaving = 0
    for task in list(draft.tasks.values()):
        if task.live and task.placed and not may_stay(task.spec, draft.node):
            draft.want(task, TaskState.SHUTDOWN)
            leaving += 1
    if leaving:
        draft.say(f"{leaving} tasks have to leave the node")
