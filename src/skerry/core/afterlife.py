"""Addresses of tasks that leave: proxies, resolvers and runtimes keep them, and go on asking there.

Each is remembered from the pass that sees its task go, for as long as the service's label says. It is its
service's until somebody else has it.
"""

from __future__ import annotations

from collections.abc import Iterator

from skerry.core.addresses import holders
from skerry.core.draft import Draft
from skerry.model import labels
from skerry.model.defaults import SECOND
from skerry.model.objects import FormerAddress, Task, former_id

LATE = 30 * SECOND
LATE_SHARE = 20
"""An address may be remembered for so much longer, and no more than this share of its time: one pass forgets
many."""


def keep(draft: Draft) -> None:
    """Remember the addresses of the service's tasks that leave, and forget those whose time is over."""
    if draft.service.is_job:
        return
    length = labels.read_duration(draft.spec.labels, labels.AFTERLIFE)
    known = {former.id: former for former in draft.view.formers_of(draft.service.id)}
    for task in draft.tasks.values():
        if length and task.running_at and not task.live:
            for former in _left_by(draft, task, length):
                known[former.id] = former
                draft.formers.append(former)
    for former in known.values():
        until = _until(draft, former, length)
        taken = _is_taken(draft, former.network_id, former.address, former.task_id)
        if taken or not length or until <= draft.now:
            draft.forgotten.append(former)
        else:
            draft.wake(until + min(LATE, length // LATE_SHARE))


def _left_by(draft: Draft, task: Task, length: int) -> Iterator[FormerAddress]:
    """The addresses of a task that are to be remembered and are not yet."""
    since = task.status.at if task.status.state.terminal else draft.now
    for place in task.attachments:
        address, until = place.address or place.reserved, since + length
        network = draft.view.networks.get(place.network_id)
        if network is None or not network.leg or not address or until <= draft.now:
            continue
        key = former_id(place.network_id, address)
        before = draft.view.formers.get(key)
        if before is not None and (before.task_id == task.id or before.until >= until):
            continue
        if not _is_taken(draft, place.network_id, address, task.id):
            yield FormerAddress(key, place.network_id, address, draft.service.id, task.id, until)


def _is_taken(draft: Draft, network_id: str, address: str, task_id: str) -> bool:
    """Whether somebody else than the task has an address, or is about to."""
    if holders(draft.view, network_id, address) - {task_id}:
        return True
    return any(
        place.network_id == network_id and address in (place.address, place.reserved)
        for task in draft.tasks.values()
        if task.placed and task.id != task_id
        for place in task.attachments
    )


def _until(draft: Draft, former: FormerAddress, length: int) -> int:
    """When an address is to be forgotten: its time begins when its task ends, as long as that is known."""
    task = draft.tasks.get(former.task_id)
    if task is None:
        return former.until
    return (task.status.at if task.status.state.terminal else draft.now) + length
