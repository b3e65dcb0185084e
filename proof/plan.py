"""Which rollouts and faults are played: a list of values."""

from __future__ import annotations

from dataclasses import dataclass

CLIENTS = (
    "new connection",
    "keep-alive",
    "slow POST",
    "streamed answer",
    "slow reader",
    "server-sent events",
    "WebSocket",
    "TCP echo",
    "udp",
    "dns",
)
ROLLOUTS = ("update", "rollback", "scale", "ports", "config")
FAULTS = (
    "task crash",
    "out of memory",
    "skerryd killed",
    "gate replaced",
    "gate killed",
    "engine killed",
    "ruleset flushed",
)
KILLS = ("task crash", "out of memory")


@dataclass(frozen=True)
class Setting:
    """How the stack stands: `ending` is what the app does on SIGTERM."""

    replicas: int
    order: str
    ending: str

    def __str__(self) -> str:
        return f"{self.replicas} x {self.order}, {self.ending}"


@dataclass(frozen=True)
class Run:
    """One thing that happens to a stack."""

    action: str
    setting: Setting

    def __str__(self) -> str:
        return f"{self.action}, {self.setting}"


def runs(*, short: bool) -> list[Run]:
    """All runs, in an order that changes settings seldom."""
    if short:
        one, two = Setting(1, "stop-first", "once"), Setting(2, "start-first", "once")
        return [
            *(Run(action, two) for action in ("update", "rollback", "gate replaced", "skerryd killed")),
            *(Run(action, one) for action in ("update", "scale", "ruleset flushed")),
        ]
    settings = [
        Setting(replicas, order, ending)
        for ending in ("graceful", "once")
        for replicas in (1, 2, 4)
        for order in ("start-first", "stop-first")
    ]
    found: list[Run] = []
    for setting in settings:
        found += [Run(action, setting) for action in ROLLOUTS]
        if setting.order == "start-first" and setting.replicas == 2:
            found += [Run(action, setting) for action in FAULTS]
        if setting.order == "stop-first" and setting.replicas == 1:
            # what the app does on SIGTERM makes no difference to one that is killed: once is enough
            left_out = {"gate killed"} | (set(KILLS) if setting.ending == "graceful" else set())
            found += [Run(action, setting) for action in FAULTS if action not in left_out]
    return found
