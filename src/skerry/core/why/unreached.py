"""Why a task that runs well by its own account is reached by nobody."""

from __future__ import annotations

from skerry.core.why.cause import Cause
from skerry.core.why.words import places
from skerry.model.facts import Facts
from skerry.model.objects import Task


def of_unreached(task: Task, facts: Facts) -> Cause | None:
    """Published ports behind which the task does not listen, so that only its own check reaches it."""
    if not facts.listeners:
        return None
    for port in task.endpoint.ports:
        here = [listener for listener in facts.listeners if listener.port == port.target_port]
        if port.protocol != "tcp" or any(listener.outward for listener in here):
            continue
        target = f"port {port.target_port}"
        if here:
            return Cause(
                "loopback",
                f"it listens on {places(here)} only, where nobody else reaches it",
                (f"clients are sent to its {target}",),
                (f"have the program listen on 0.0.0.0:{port.target_port}",),
            )
        return Cause(
            "wrong-port",
            f"it listens on {places(facts.listeners)}, and clients are sent to {target}",
            (),
            (
                f"docker service update --publish-rm {port.target_port} --publish-add "
                f"published=…,target=… {task.service_name}",
            ),
        )
    return None
