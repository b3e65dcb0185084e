"""Releases: a step of one written down, and what one made removed again. Each in the transaction of its
caller."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from msgspec.structs import replace

from skerry.control import files, networks, services, versions
from skerry.core.release import ReleaseStep, restored
from skerry.core.view import View
from skerry.model.errors import SkerryError
from skerry.model.objects import Task
from skerry.model.releases import UNDER_WAY, Failure, Made, Outcome, Release
from skerry.model.states import TaskState
from skerry.store.store import Tx


def under_way(view: View) -> list[Release]:
    """The releases that are not over, by stack."""
    latest = (view.release_of(stack) for stack in sorted(view.index.releases))
    return [release for release in latest if release is not None and release.outcome.state in UNDER_WAY]


def write(tx: Tx, release: Release, step: ReleaseStep, log: tuple[str, ...] = ()) -> None:
    """Write a step of a release down, with the last lines of the log of the task that failed."""
    for part in step.restored:
        service, run = restored(tx.view, release, part, tx.now)
        tx.put(service)
        dismiss(tx, run)
    for service in step.removed:
        services.forget_all(tx, service)
    if step.discards:
        discard(tx, release.made)
    if step.outcome is not None:
        tx.put(replace(release, outcome=_with_log(step.outcome, log)))


def _with_log(outcome: Outcome, log: tuple[str, ...]) -> Outcome:
    failed = outcome.failed
    return replace(outcome, failed=replace(failed, log=log)) if failed is not None and log else outcome


def failure_to_tell(release: Release, step: ReleaseStep) -> Failure | None:
    """The failure that a step is the first to tell of."""
    return step.outcome.failed if step.outcome is not None and release.outcome.failed is None else None


def dismiss(tx: Tx, tasks: Iterable[Task]) -> None:
    """Have tasks stop and be removed."""
    for task in tasks:
        if task.desired < TaskState.REMOVE:
            tx.put(replace(task, desired=TaskState.REMOVE))


def discard(tx: Tx, made: tuple[Made, ...]) -> None:
    """Remove what a release made, but for what somebody else has come to use, and show the versions of
    configs and secrets that it put away."""
    versions.take_back(tx, made)
    for row in (row for row in made if not row.replaces):
        with suppress(SkerryError):
            if row.kind == "network" and row.id in tx.view.networks:
                networks.take_away(tx, tx.view.networks[row.id])
            elif row.kind == "config" and row.id in tx.view.configs:
                files.delete(tx, tx.view.configs[row.id], "config")
            elif row.kind == "secret" and row.id in tx.view.secrets:
                files.delete(tx, tx.view.secrets[row.id], "secret")
