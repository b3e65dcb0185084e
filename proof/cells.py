"""Requests into cells: one client's figures in one run. Pure."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import NamedTuple

import msgspec

WHOLE = "the run"
"""In the place of a client: what broke was the run itself."""


class Request(NamedTuple):
    """One request: start on CLOCK_MONOTONIC in seconds, duration in ms, who asked, how it ended."""

    start: float
    took_ms: float
    kind: str
    outcome: str
    text: str

    @staticmethod
    def read(line: str) -> Request:
        """A line of `proof.clients`."""
        start, took, kind, outcome, text = line.rstrip("\n").split("\t")
        return Request(float(start), float(took), kind, outcome, text)

    @property
    def end(self) -> float:
        """When it was through."""
        return self.start + self.took_ms / 1000


class Explanation(msgspec.Struct, frozen=True):
    """Failures that a fault itself makes: at most so many in a cell, and why. Names may have `*`."""

    run: str
    clients: list[str]
    at_most: int
    reason: str


@dataclass(frozen=True)
class Cell:
    """One client in one run; times in milliseconds."""

    run: str
    client: str
    requests: int
    failed: int
    explained: int
    reconnects: int
    p50: float
    p99: float
    slowest: float
    errors: tuple[str, ...]


def cell(run: str, client: str, seen: Sequence[Request], explanations: Iterable[Explanation]) -> Cell:
    """The figures of a client's requests in a run."""
    bad = Counter(one.text for one in seen if one.outcome == "failed")
    excused = min(sum(bad.values()), allowed(run, client, explanations))
    times = sorted(one.took_ms for one in seen)
    return Cell(
        run=run,
        client=client,
        requests=len(seen),
        failed=sum(bad.values()) - excused,
        explained=excused,
        reconnects=sum(one.outcome == "reconnected" for one in seen),
        p50=quantile(times, 0.5),
        p99=quantile(times, 0.99),
        slowest=times[-1] if times else 0.0,
        errors=tuple(f"{count} x {text}" for text, count in bad.most_common(3)),
    )


def broken(run: str, error: BaseException) -> Cell:
    """A run that did not come to its end: a failure that is no client's."""
    text = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    return Cell(run, WHOLE, 0, 1, 0, 0, 0.0, 0.0, 0.0, (text,))


def allowed(run: str, client: str, explanations: Iterable[Explanation]) -> int:
    """How many failures of a cell are explained."""
    return max(
        (one.at_most for one in explanations if fnmatch(run, one.run) and client in one.clients), default=0
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank quantile of ordered values; 0 of none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def last_line(cells: Sequence[Cell]) -> str:
    """What the proof ends with."""
    return (
        f"proof: cells={len(cells)} requests={sum(one.requests for one in cells)}"
        f" failed={sum(one.failed for one in cells)} explained={sum(one.explained for one in cells)}"
        f" reconnects={sum(one.reconnects for one in cells)}"
    )


def proved(cells: Sequence[Cell], explained_limit: int) -> bool:
    """Whether nothing failed, nothing was left out, and not too much is explained."""
    whole = all(one.requests for one in cells)
    return (
        bool(cells)
        and whole
        and not any(one.failed for one in cells)
        and (sum(one.explained for one in cells) <= explained_limit)
    )
