"""How the machine itself resolves names: the nameservers of its resolv.conf, and how they are asked."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from skerry.core.resolvconf import ResolvConf
from skerry.gate.message import ResolverOptions

RESOLV_CONF = Path("/etc/resolv.conf")
LONGEST_S = 30
"""The C library waits no longer for one server."""


def host_resolver(path: Path = RESOLV_CONF) -> tuple[tuple[str, ...], ResolverOptions]:
    """The host's nameservers in order, and its options."""
    try:
        return _read(path.read_text())
    except (OSError, UnicodeDecodeError):
        return _read("")


@lru_cache(maxsize=1)  # it is asked for with each change of the traffic, and hardly ever another one
def _read(text: str) -> tuple[tuple[str, ...], ResolverOptions]:
    conf = ResolvConf.parse(text)
    return conf.nameservers, options_of(conf.options)


def options_of(options: Iterable[str]) -> ResolverOptions:
    """What the words of an `options` line say, the last of each kind; others are for the C library."""
    default = ResolverOptions()
    values = dict(word.partition(":")[::2] for word in options)
    return ResolverOptions(
        timeout_s=min(_number(values.get("timeout"), int(default.timeout_s)), LONGEST_S),
        attempts=_number(values.get("attempts"), default.attempts),
        rotate="rotate" in values,
    )


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and int(text) > 0 else default
