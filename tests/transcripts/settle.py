"""Waiting for a swarm to be at rest, so that a command meets the same state in every run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from demo.patience import PATIENCE
from tests.transcripts.wire import get

ENDED = ("complete", "shutdown", "failed", "rejected")


def settle(socket: Path, timeout: float = 40, looks: int = 1) -> None:
    """Wait until every task is where it should be and no update is under way, at so many looks in a row.

    One look may come just before what a command has set off is seen. Nothing else is asked of the swarm; one
    that does not come to rest in time is left as it is.
    """
    deadline, rested = time.monotonic() + PATIENCE * timeout, 0
    while time.monotonic() < deadline:
        rested = rested + 1 if _at_rest(socket) else 0
        if rested >= looks:
            return
        time.sleep(0.1)


def _at_rest(socket: Path) -> bool:
    services = get(socket, "/services")
    tasks = get(socket, "/tasks")
    if not isinstance(services, list) or not isinstance(tasks, list):
        return True  # in no swarm
    moving = ("updating", "rollback_started")
    if any((service.get("UpdateStatus") or {}).get("State") in moving for service in services):
        return False
    return all(_resting(task) for task in tasks) and _complete(services, tasks)


def _resting(task: dict[str, Any]) -> bool:
    state, wanted = task["Status"]["State"], task["DesiredState"]
    if wanted == "remove":
        return False
    if wanted == "shutdown":
        return state in ENDED
    if state == "pending":
        return bool(task["Status"].get("Err"))
    return bool(state == wanted or (wanted == "complete" and state in ENDED))


def _complete(services: list[dict[str, Any]], tasks: list[dict[str, Any]]) -> bool:
    """Whether every replicated service has its tasks."""
    for service in services:
        replicas = (service["Spec"]["Mode"].get("Replicated") or {}).get("Replicas")
        own = [task for task in tasks if task["ServiceID"] == service["ID"]]
        live = [task for task in own if task["DesiredState"] in ("ready", "running")]
        none = (service["Spec"]["TaskTemplate"].get("RestartPolicy") or {}).get("Condition") == "none"
        if replicas is not None and len(live) != replicas and not none:
            return False
    return True
