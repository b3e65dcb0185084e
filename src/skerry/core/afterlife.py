"""Addresses of tasks that leave: proxies, resolvers and runtimes keep them, and go on asking there.

Each is remembered from the pass that sees its task go, for as long as the service's label says. It is its
service's until somebody else has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from skerry.core.addresses import holders, retaken
from skerry.core.draft import Draft
from skerry.core.index import addresses_of
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
    taken = _Taken(draft)
    for task in draft.tasks.values():
        if length and task.running_at and not task.live:
            draft.formers += _left_by(draft, task, length, taken)
    renewed = {former.id for former in draft.formers}
    before = [former for former in draft.view.formers_of(draft.service.id) if former.id not in renewed]
    known = [*before, *draft.formers]
    contested = taken.contested({former.network_id for former in known})
    networks, tasks, now = draft.view.networks, draft.tasks, draft.now
    ends = []
    for former in known:  # there may be a thousand, in each pass
        owner = tasks.get(former.task_id)
        until = former.until if owner is None else _end_of(owner, now, length)
        kept = length and until > now and former.network_id in networks
        if not kept or (former.id in contested and taken.by_another(former)):
            draft.forgotten.append(former)
        else:
            ends.append(until)
    if ends:
        draft.wake(min(ends) + min(LATE, length // LATE_SHARE))


class _Taken:
    """Who has which address, the tasks that this pass has placed included."""

    def __init__(self, draft: Draft) -> None:
        self._view = draft.view
        self._tasks: dict[tuple[str, str], set[str]] = {}
        for task in draft.tasks.values():
            for place in addresses_of(task):
                self._tasks.setdefault(place, set()).add(task.id)

    def by_another(self, former: FormerAddress) -> bool:
        """Whether anybody else than its task has an address."""
        others = holders(self._view, former.network_id, former.address)
        return bool((others | self._tasks.get((former.network_id, former.address), set())) - {former.task_id})

    def contested(self, network_ids: Iterable[str]) -> set[str]:
        """The IDs of the former addresses that somebody has, be it their own task."""
        within = (retaken(self._view, network_id) for network_id in network_ids)
        return {former_id(*place) for place in self._tasks}.union(*within)


def _left_by(draft: Draft, task: Task, length: int, taken: _Taken) -> Iterator[FormerAddress]:
    """The addresses of a task that are to be remembered and are not yet."""
    until = _end_of(task, draft.now, length)
    for network_id, address in _places(draft, task) if until > draft.now else ():
        key = former_id(network_id, address)
        before = draft.view.formers.get(key)
        if before is not None and (before.task_id == task.id or before.until >= until):
            continue
        former = FormerAddress(key, network_id, address, draft.service.id, task.id, until)
        if not taken.by_another(former):
            yield former


def _places(draft: Draft, task: Task) -> Iterator[tuple[str, str]]:
    """A task's addresses on networks of ours, each with its network."""
    for place in task.attachments:
        network = draft.view.networks.get(place.network_id)
        for family in network.plans if network is not None else ():
            if address := place.at(family) or place.given(family):
                yield place.network_id, address


def _end_of(task: Task, now: int, length: int) -> int:
    """When the addresses of a task are to be forgotten: their time begins when it ends."""
    return (task.status.at if task.status.state.terminal else now) + length
