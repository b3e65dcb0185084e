"""What each item has to reach, as data, and whether it does."""

from __future__ import annotations

from dataclasses import dataclass

from bench.peer.results import Results


@dataclass(frozen=True)
class Criterion:
    """One figure of one item, by medians. What is None is not asked."""

    item: str
    figure: str
    faster: float | None = None
    """At least so many times less than Swarm."""
    added: float | None = None
    """What is above the floor, at least so many times less than what Swarm has above it."""
    floor: float | None = None
    """At most so many times the floor."""
    most: float | None = None
    """At most so much."""


CRITERIA = (
    Criterion("story-update", "s", faster=20, floor=1.5),
    Criterion("quick-stop-first", "s", faster=4),
    Criterion("quick-stop-first", "failed", most=0),
    Criterion("quick-stop-first", "slowest_ms", most=150),
    Criterion("quick-start-first", "s", faster=3),
    Criterion("quick-start-first", "failed", most=0),
    Criterion("quick-start-first", "slowest_ms", most=150),
    Criterion("web-update", "failed", most=0),
    Criterion("web-update", "slowest_ms", most=150),
    Criterion("first-deploy", "s", faster=5),
    Criterion("scale-2-20", "up_s", faster=2, floor=1.3),
    Criterion("scale-0-100", "s", faster=2, floor=1.3),
    Criterion("update-50", "s", faster=2, floor=1.3),
    Criterion("crash", "out_ms", most=50),
    Criterion("crash", "replaced_s", floor=1.3),
    Criterion("idle-100", "cpu_pct", added=20),
    Criterion("idle-100", "own_mb", most=90),
    Criterion("listings", "ls_s", faster=1),
    Criterion("listings", "ps_s", faster=1),
    Criterion("listings", "deploy_s", faster=1),
    Criterion("redeploy", "s", faster=1),
)


def misses(one: Criterion, results: Results) -> list[str]:
    """What a criterion asks and does not get, in words."""
    swarm, ours, floor = (results.median(one.item, name, one.figure) for name in ("swarm", "skerry", "floor"))
    if ours is None:
        return [f"{one.figure} was not measured"]
    found = []
    if one.faster is not None and (swarm is None or swarm < one.faster * ours):
        found.append(f"{one.figure} {_ratio(swarm, ours)} as quick, at least {one.faster:g}× asked")
    if one.added is not None and (
        swarm is None or floor is None or swarm - floor < one.added * max(0.0, ours - floor)
    ):
        found.append(f"{one.figure} above the floor not {one.added:g}× less")
    if one.floor is not None and (floor is None or ours > one.floor * floor):
        found.append(f"{one.figure} {_ratio(ours, floor)} the floor, at most {one.floor:g}× asked")
    if one.most is not None and ours > one.most:
        found.append(f"{one.figure} {ours:.4g}, at most {one.most:g} asked")
    return found


def _ratio(above: float | None, below: float | None) -> str:
    return f"{above / below:.2f}×" if above is not None and below else "?×"


def verdict(item: str, results: Results) -> list[str]:
    """All that an item misses; empty where it is met."""
    return [miss for one in CRITERIA if one.item == item for miss in misses(one, results)]


def summary(results: Results) -> str:
    """The last line of a run."""
    met = sum(not verdict(item, results) for item in results.items)
    return f"bench: items={len(results.items)} met={met} broken={len(results.broken)}"
