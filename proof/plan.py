"""Which rollouts and faults are played: a list of values."""

from __future__ import annotations

from dataclasses import dataclass

from proof import proxies
from proof.protocols import SPEAKERS

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
    "dns in a container",
    "new connection, IPv6",
    "keep-alive, IPv6",
)
OVER_SIX = " over IPv6"
"""The end of actions whose network has IPv6 and whose clients know nothing else; and of these clients."""
SIX_CLIENTS = tuple(f"{client}{OVER_SIX}" for client in CLIENTS if "IPv6" not in client)
NAMERS = ("by hostname", "by shared alias", "with ndots:2", "on two networks")
"""Clients in containers, each of which looks up a name of its own for each request."""
BY_NAME = "update by name"
"""Its stack has names that programs like to trip over, and other clients."""
BY_PROTOCOL = " by protocol"
"""The end of actions whose stack speaks other protocols than HTTP/1."""
PROXIED = proxies.clients()
"""Clients of services behind proxies."""
THROUGH = " through proxies"
THROUGH_ONE = " through Traefik"
"""Ends of actions whose stack is reached through all proxies, or, in the short form, one."""
ROLLOUTS = ("update", "rollback", "scale", "ports", "config")
FAULTS = (
    "task crash",
    "out of memory",
    "skerryd killed",
    "gate replaced",
    "gate killed",
    "engine killed",
    "ruleset flushed",
    "events cut",
    "skerry upgraded",
)
KILLS = ("task crash", "out of memory", "events cut")
"""What kills tasks."""


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


def counted(run: Run) -> list[str]:
    """Whose requests count: the resolver that a container asks is a part of the engine, and gone with it."""
    if run.action == BY_NAME:
        return list(NAMERS)
    if run.action.endswith(OVER_SIX):
        return list(SIX_CLIENTS)
    if run.action.endswith(BY_PROTOCOL):
        return list(SPEAKERS)
    if run.action.endswith(THROUGH):
        one = run.setting.replicas == 1
        nobody = one and (run.setting.order == "stop-first" or run.action.startswith(KILLS))
        return [name for name in PROXIED if not (nobody and name.startswith(proxies.FOLLOWERS))]
    if run.action.endswith(THROUGH_ONE):
        return PROXIED[:1]
    return [one for one in CLIENTS if (run.action, one) != ("engine killed", "dns in a container")]


def runs(*, short: bool) -> list[Run]:
    """All runs, in an order that changes settings seldom."""
    if short:
        one, two = Setting(1, "stop-first", "once"), Setting(2, "start-first", "once")
        return [
            *(Run(action, two) for action in ("update", "rollback", "gate replaced", "skerryd killed")),
            *(Run(action, one) for action in ("update", "scale", "ruleset flushed")),
            Run("update" + OVER_SIX, one),
            *(Run(action + THROUGH_ONE, two) for action in ("update", "rollback", "scale")),
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
        found += [Run(action, setting) for action in _faults(setting)]
    named = [Setting(1, "stop-first", "once"), Setting(2, "stop-first", "once")]
    found += [Run(BY_NAME, setting) for setting in [*named, Setting(2, "start-first", "graceful")]]
    return [*found, *_over_six(), *_by_protocol(), *_through_proxies()]


def _over_six() -> list[Run]:
    """Networks with IPv6 have the same rules for both families: fewer settings than over IPv4."""
    settings = (
        Setting(1, "stop-first", "once"),
        Setting(2, "stop-first", "graceful"),
        Setting(2, "start-first", "once"),
    )
    actions = (*ROLLOUTS, "gate replaced", "skerryd killed", "ruleset flushed")
    return [Run(action + OVER_SIX, setting) for setting in settings for action in actions]


def _by_protocol() -> list[Run]:
    """What a library's server does on SIGTERM is its own affair."""
    return [
        Run(action + BY_PROTOCOL, Setting(replicas, order, "graceful"))
        for replicas in (2, 1)
        for order in ("start-first", "stop-first")
        for action in ("update", "scale")
        if (replicas, action) != (1, "scale")
    ]


def _through_proxies() -> list[Run]:
    """One replica less than one is none, of which a proxy that goes by tasks says that there is nobody."""
    return [
        Run(action + THROUGH, Setting(replicas, order, "once"))
        for replicas in (2, 1)
        for order in ("start-first", "stop-first")
        for action in ("update", "rollback", "scale", "task crash")
        if (replicas, action) != (1, "scale")
    ]


def _faults(setting: Setting) -> list[str]:
    """Each number of replicas meets them in one order."""
    if (setting.replicas, setting.order) not in ((1, "stop-first"), (2, "start-first"), (4, "start-first")):
        return []
    # what the app does on SIGTERM makes no difference to one that is killed: once is enough
    twice = set() if setting.replicas == 2 else {"gate killed", *KILLS}
    return [action for action in FAULTS if setting.ending == "once" or action not in twice]
