"""What a label asks of a health check, in the place of what skerry makes of the HEALTHCHECK. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from skerry.health.probe import LOOPBACK, NotTranslated, Probe, TcpProbe, http_probe
from skerry.health.translate import SHELL

_TCP = re.compile(r"tcp://(?P<host>localhost|127\.0\.0\.1|\[::1\])?:(?P<port>\d{1,5})/?")


@dataclass(frozen=True)
class ProbeOverride:
    """`probe` (a socket), `command` (to execute), or `as_is`: the HEALTHCHECK, executed as it stands.
    `none`: no check at all. All empty: skerry chooses."""

    probe: Probe | None = None
    command: tuple[str, ...] = ()
    as_is: bool = False
    none: bool = False


AS_SKERRY_CHOOSES = ProbeOverride()


def read_override(text: str) -> ProbeOverride:
    """Read a label's value. Raises ValueError with the forms that there are."""
    word, _, line = text.strip().partition(" ")
    if word == "exec":
        return ProbeOverride(command=(*SHELL, line.strip())) if line.strip() else ProbeOverride(as_is=True)
    if word == "none" and not line:
        return ProbeOverride(none=True)
    if not line:
        try:
            return ProbeOverride(probe=http_probe(word) if word.startswith("http://") else _tcp_probe(word))
        except (NotTranslated, ValueError):
            pass
    raise ValueError(
        f'"{text}" is none of http://:PORT/PATH, tcp://:PORT, exec, exec COMMAND '
        "(and none, for liveness); the host is the container itself"
    )


def _tcp_probe(url: str) -> TcpProbe:
    match = _TCP.fullmatch(url)
    if not match or not 1 <= int(match["port"]) <= 65535:
        raise ValueError(url)
    hosts = {"[::1]": ("::1",), "127.0.0.1": ("127.0.0.1",)}.get(match["host"] or "", LOOPBACK[""])
    return TcpProbe(hosts, int(match["port"]))
