"""The play: broken releases, good ones in between, and after each all is as it was before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from harness.world import wait_until
from skerry.model.objects import Raw
from tests.atomic.breaks import Break, plan
from tests.atomic.compose_file import NAMES, STACK, Content, compose
from tests.atomic.picture import differences, running, stored, without_ids
from tests.atomic.stage import Stage

GOOD_EVERY = 5
"""After so many broken releases there is a good one, so that the release before is another one."""
SETTLED_S = 30.0

Tell = Callable[[str], None]


@dataclass
class Result:
    """How it went."""

    releases: int = 0
    requests: int = 0
    cut: int = 0
    """Requests that were in a task that ended by itself."""
    failed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """In a line."""
        return f"atomic: releases={self.releases} requests={self.requests} failed={len(self.failed)}"

    @property
    def good(self) -> bool:
        """Whether all was as it should be, and something was done."""
        return bool(self.releases and self.requests) and not (self.failed or self.wrong)


class Atomic:
    """One stage, from its first release on."""

    def __init__(self, stage: Stage, tell: Tell) -> None:
        self._stage, self._tell = stage, tell
        self._number = 0
        self._result = Result()

    def play(self, releases: int, first: int) -> Result:
        """So many broken releases of the plan, from one on."""
        began = time.monotonic()
        for service, broken in islice(plan(), first, first + releases):
            if self._result.releases and self._result.releases % GOOD_EVERY == 0:
                self._release_good()
            self._play_one(service, broken)
            self._result.releases += 1
        requests = self._stage.load.since(began)
        failed = [request for request in requests if request.outcome == "failed"]
        unexplained = [request for request in failed if not self._stage.explains(request)]
        self._result.requests = len(requests)
        self._result.cut = len(failed) - len(unexplained)
        self._result.failed = [
            f"failed: {request.kind} at {request.start - began:.1f} s after {request.took_ms:.0f} ms: "
            f"{request.text}"
            for request in unexplained
        ]
        return self._result

    def _release_good(self) -> None:
        """Another content, which becomes the release before."""
        contents = self._next(kept="")
        code, said = self._stage.deploy(contents, compose(contents))
        assert code == 0, said
        self._stage.contents = contents
        self._tell(f"good release {self._number}")

    def _next(self, kept: str) -> dict[str, Content]:
        """Other contents of all services, but of one which only has a replica more."""
        self._number += 1
        others = {name: replace(row, number=self._number) for name, row in self._stage.contents.items()}
        if kept:
            row = self._stage.contents[kept]
            others[kept] = replace(row, replicas=row.replicas + 1)
        return others

    def _play_one(self, service: str, broken: Break) -> None:
        """One broken release, and what it is that is not as it was."""
        stage, began = self._stage, time.monotonic()
        kept = NAMES[0] if service != NAMES[0] else NAMES[-1]
        before = stored(stage.world, written=broken.refused)
        containers = running(stage.world)
        contents = self._next(kept)
        file = compose(contents, (f"more-{self._number}",))
        code, said = stage.deploy(contents, broken.applied(file, service))
        wrong = [f"exit code {code}"] if code != broken.code else []
        wrong += [f"not said: {words}" for words in broken.missing(said, f"{STACK}_{service}")]
        if wrong:
            wrong.append(said)
        wrong += differences(before, stored(stage.world, written=broken.refused))
        stage.note_crashes(service, began)
        wrong += self._settled(containers)
        wrong += self._otherwise_replaced(containers, kept, service, broken)
        wrong += self._same_again()
        self._result.wrong += [f"{broken.name}, {service}: {line}" for line in wrong]
        took = time.monotonic() - began
        self._tell(f"{'WRONG' if wrong else 'as before':9}  {service}: {broken.name}, {took:.1f} s")
        for line in wrong:
            self._tell(f"    {line}")

    def _settled(self, before: dict[str, Raw]) -> list[str]:
        """What runs otherwise than before, once what has to end had the time to."""
        wanted: Raw = {"running": without_ids(before)}
        seen: Raw = {}

        def as_before() -> bool:
            seen["running"] = without_ids(running(self._stage.world))
            return seen == wanted

        try:
            wait_until(as_before, "what runs is what ran before", SETTLED_S)
        except AssertionError:
            return differences(wanted, seen)
        return []

    def _otherwise_replaced(
        self, before: Mapping[str, Raw], kept: str, service: str, broken: Break
    ) -> Iterator[str]:
        """The services that were not released and taken back, as all before the broken one have to be; and
        those whose containers were replaced though their turn had not come."""
        left = running(self._stage.world).keys() & before.keys()
        stayed = {before[key]["service"].removeprefix(f"{STACK}_") for key in left}
        place = NAMES.index(service)
        begun = set() if broken.refused else {*NAMES[:place]} - {kept}
        waiting = NAMES if broken.refused else () if broken.serves else NAMES[place + 1 :]
        for name in sorted(begun & stayed):
            yield f"{name}: its containers were not replaced, so that nothing was taken back"
        for name in sorted({*waiting} - stayed):
            yield f"{name}: its containers were replaced, though its turn had not come"

    def _same_again(self) -> list[str]:
        """What the former file would change now: nothing."""
        code, said = self._stage.deploy(self._stage.contents, compose(self._stage.contents), "--plan")
        return [f"the file of before would change something: {said}"] if code else []


def atomic(releases: int, tell: Tell, first: int = 0) -> Result:
    """Play it on a stage of its own."""
    with Stage() as stage:
        return Atomic(stage, tell).play(releases, first)
