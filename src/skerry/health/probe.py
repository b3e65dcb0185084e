"""A health check that needs no command: a connection or a request to the container itself. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from skerry.model.go import strconv

LOOPBACK = {
    "localhost": ("::1", "127.0.0.1"),
    "127.0.0.1": ("127.0.0.1",),
    "0.0.0.0": ("127.0.0.1",),
    "::1": ("::1",),
    "": ("127.0.0.1", "::1"),
}
"""The hosts that are the container itself, and the addresses to try for each."""

CODES = {
    "curl": {"status": 22, "refused": 7, "late": 28, "silent": 52, "cut": 56},
    "wget": {"status": 8, "refused": 4, "late": 4, "silent": 4, "cut": 4},
    "busybox": {"status": 1},
}
"""The exit codes of a failure by program; 1 for what is not listed."""


class NotTranslated(Exception):
    """It means more than a probe does."""


@dataclass(frozen=True)
class TcpProbe:
    """A connection to the container. `tool` is the program that it stands for, which must be there, or ""."""

    hosts: tuple[str, ...]
    """Loopback addresses, tried in turn until one takes the connection."""
    port: int
    tool: str = ""
    timeout: int = 0
    """Nanoseconds, 0 for the check's own."""
    otherwise: int = 0
    """The exit code where it fails, of a line with `|| exit N`; 0 for the program's own."""

    def code(self, failure: str, program: str) -> int:
        """The exit code of a failure (`refused`, `late`, `silent`, `cut`, `status`) of a program."""
        return self.otherwise or CODES.get(program, {}).get(failure, 1)


@dataclass(frozen=True)
class HttpProbe(TcpProbe):
    """A request to the container."""

    method: str = "GET"
    target: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    """What is sent, Host included."""
    mute: bool = False
    """Whether the command says nothing on success."""
    follows: bool = False
    """Whether it would go on to where a redirect leads, which a probe does not."""

    def passes(self, status: int) -> bool | None:
        """What the command makes of an answer's status; None where only the command itself can tell."""
        if 300 <= status < 400 and self.follows:
            return None
        return 200 <= status < 400


Probe = TcpProbe
"""Either kind: an `HttpProbe` is a TcpProbe that says something."""


def http_probe(url: str) -> HttpProbe:
    """The probe of `http://HOST[:PORT][/PATH]`, where HOST is the container itself, or empty.

    NotTranslated for any other; ValueError for a port that is none.
    """
    if not re.fullmatch(r"[!-~]+", url) or "{" in url:
        raise NotTranslated
    parts = urlsplit(url)
    if parts.scheme.lower() != "http" or parts.username is not None or parts.password is not None:
        raise NotTranslated
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.hostname or ""
    named = f"[{host}]" if ":" in host else host or "localhost"
    name = f"{named}:{parts.port}" if parts.port and parts.port != 80 else named
    port = parse_port(str(80 if parts.port is None else parts.port))
    return HttpProbe(own_addresses(host), port, target=target, headers=(("Host", name),))


def own_addresses(host: str) -> tuple[str, ...]:
    """The addresses of a host that is the container itself; NotTranslated for any other."""
    if host.lower() not in LOOPBACK:
        raise NotTranslated
    return LOOPBACK[host.lower()]


def parse_port(text: str) -> int:
    """A port's number as Go reads it. NotTranslated for what is none."""
    try:
        number = strconv.parse_uint(text, bits=16)
    except strconv.NumError:
        raise NotTranslated from None
    if not number:
        raise NotTranslated
    return number
