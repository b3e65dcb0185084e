"""Which health checks need no command: a look at HTTP or TCP from inside the container does. Pure.

`translated` knows the command lines whose whole meaning is one request or one connection to the container
itself. Whatever it does not know wholly stays a command: a check that is run as it stands is never wrong.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from skerry.core.options import Options, options
from skerry.model.defaults import SECOND
from skerry.model.go import strconv

LOOPBACK = {
    "localhost": ("::1", "127.0.0.1"),
    "127.0.0.1": ("127.0.0.1",),
    "0.0.0.0": ("127.0.0.1",),
    "::1": ("::1",),
    "": ("127.0.0.1", "::1"),
}
"""The hosts that are the container itself, and the addresses to try for each."""

LONGEST_S = 2**63 // SECOND
"""What a duration of Docker's can hold."""

SHELLS = frozenset({"sh", "bash", "ash", "dash"})
SHELL = ("/bin/sh", "-c")


CODES = {
    "curl": {"status": 22, "refused": 7, "late": 28, "silent": 52, "cut": 56},
    "wget": {"status": 8, "refused": 4, "late": 4, "silent": 4, "cut": 4},
    "busybox": {"status": 1},
}
"""The exit codes of a failure by program; 1 for what is not listed."""


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


class NotTranslated(Exception):
    """The command means more than a probe does."""


def translated(command: Sequence[str], environment: Sequence[str] = ()) -> Probe | None:
    """The probe that does what a health check's command does; None where it has to be executed.

    `environment` is the container's (`NAME=value`): with a proxy in it, curl and wget go elsewhere.
    """
    try:
        probe = _command(list(command))
    except (NotTranslated, ValueError):  # ValueError: an open quote, a port that is none
        return None
    proxied = any(one.partition("=")[0].lower() in _PROXIES for one in environment)
    return None if proxied and isinstance(probe, HttpProbe) else probe


_PROXIES = frozenset({"http_proxy", "all_proxy"})


def _command(words: list[str]) -> Probe:
    if len(words) == 3 and _program(words[0]) in SHELLS and words[1] == "-c":
        return _line(words[2], bash=_program(words[0]) == "bash")
    if not words or _program(words[0]) not in _PROGRAMS:
        raise NotTranslated
    return _PROGRAMS[_program(words[0])](words[1:])


def _program(word: str) -> str:
    return word.rpartition("/")[2]


# A shell's line: one plain command, its output thrown away or not, `|| exit N`.

_FORBIDDEN = re.compile(r"[$`\\\n!*~{]")
"""What a shell would do something about, wherever it stands."""
_OPENED = re.compile(
    r"(?:(?::|true|echo(?: -n)?|exec 3|cat < ?/dev/null) ?)?(?:>|<>|<) ?"
    r"/dev/tcp/(?P<host>[\w.:]+)/(?P<port>\d+)"
)
"""bash opens a connection so."""
_THROWN_AWAY = re.compile(r"\s*(?:2>\s*/dev/null|1?>\s*/dev/null(?:\s+2>&1|\s+2>\s*/dev/null)?)\s*$")
_OR = re.compile(r"\s*\|\|\s*(?:exit (?P<code>\d{1,3})|false)\s*;?\s*$")


def _line(line: str, *, bash: bool) -> Probe:
    otherwise = _OR.search(line)
    plain = line[: otherwise.start()] if otherwise else line
    if _FORBIDDEN.search(plain):
        raise NotTranslated
    opened = _OPENED.fullmatch(plain.strip()) if bash else None
    if opened:
        probe: Probe = TcpProbe(_hosts(opened["host"]), _port(opened["port"]), "bash")
    else:
        probe = _simple(plain)
    return replace(probe, otherwise=_code(otherwise)) if otherwise else probe


def _simple(plain: str) -> Probe:
    """A command alone, or with its output thrown away."""
    away = _THROWN_AWAY.search(plain)
    probe = _command(_shell_words(plain[: away.start()] if away else plain))
    return replace(probe, mute=True) if away and isinstance(probe, HttpProbe) else probe


def _code(otherwise: re.Match[str]) -> int:
    code = int(otherwise["code"] or 1)
    if not 1 <= code <= 255:
        raise NotTranslated
    return code


def _shell_words(text: str) -> list[str]:
    """The words of a plain command. NotTranslated where a shell would see more than words."""
    for part in re.split(r"""'[^']*'|"[^"]*\"""", text):
        if re.search(r"[();<>|&]|(?:^|\s)#", part):
            raise NotTranslated
    return shlex.split(text)


# The programs.


_CURL_FLAGS = {
    "-f": "fail",
    "--fail": "fail",
    "-s": "silent",
    "--silent": "silent",
    "-S": "",
    "--show-error": "",
    "-k": "",
    "--insecure": "",
    "-L": "follow",
    "--location": "follow",
    "-I": "head",
    "--head": "head",
    "-4": "4",
    "--ipv4": "4",
    "-6": "6",
    "--ipv6": "6",
    "-q": "",
    "-N": "",
    "--no-buffer": "",
    "--no-progress-meter": "",
}
_CURL_VALUES = {
    "-m": "time",
    "--max-time": "time",
    "-o": "output",
    "--output": "output",
    "-H": "header",
    "--header": "header",
    "-A": "agent",
    "--user-agent": "agent",
    "--url": "url",
}


def _curl(words: list[str]) -> Probe:
    said = options(words, _CURL_FLAGS, _CURL_VALUES)
    if "fail" not in said.flags or any(one != "/dev/null" for one in said.values.get("output", [])):
        raise NotTranslated
    probe = _http([*said.rest, *said.values.get("url", [])], "curl", said)
    return replace(
        probe,
        method="HEAD" if "head" in said.flags else "GET",
        mute="output" in said.values,
        follows="follow" in said.flags,
        timeout=_least(said.values.get("time", [])),
    )


_WGET_FLAGS = {
    "--spider": "spider",
    "-q": "silent",
    "--quiet": "silent",
    "-nv": "silent",
    "--no-verbose": "silent",
    "-S": "",
    "--no-check-certificate": "",
    "-4": "4",
    "-6": "6",
}
_WGET_VALUES = {
    "-T": "time",
    "--timeout": "time",
    "-t": "tries",
    "--tries": "tries",
    "-O": "output",
    "--output-document": "output",
    "-Y": "proxy",
    "--header": "header",
    "-U": "agent",
}


def _wget(words: list[str]) -> Probe:
    said = options(["-q" if word == "-nv" else word for word in words], _WGET_FLAGS, _WGET_VALUES)
    written = said.values.get("output", [])
    if "spider" not in said.flags or any(one not in ("-", "/dev/null") for one in written):
        raise NotTranslated
    probe = _http(said.rest, "wget", said)
    return replace(probe, mute=True, follows=True, timeout=_least(said.values.get("time", [])))


def _nc(words: list[str]) -> Probe:
    said = options(words, {"-z": "scan", "-v": "", "-n": "", "-4": "4", "-6": "6"}, {"-w": "time"})
    if "scan" not in said.flags or len(said.rest) != 2:
        raise NotTranslated
    hosts = _of_family(_hosts(said.rest[0]), said.flags)
    return TcpProbe(hosts, _port(said.rest[1]), "nc", _least(said.values.get("time", [])))


_PROGRAMS: dict[str, Callable[[list[str]], Probe]] = {"curl": _curl, "wget": _wget, "nc": _nc}


def _http(urls: list[str], tool: str, said: Options) -> HttpProbe:
    if len(urls) != 1 or re.search(r"[\[\]]", urls[0].partition("://")[2].partition("/")[2]):
        raise NotTranslated
    probe = http_probe(urls[0] if "://" in urls[0] else f"http://{urls[0]}")
    own = {"accept": ("Accept", "*/*"), "user-agent": ("User-Agent", "skerry-probe")}
    more = [_header(one) for one in said.values.get("header", [])]
    more += [("User-Agent", one) for one in said.values.get("agent", [])]
    headers = {name.lower(): (name, value) for name, value in (*probe.headers, *own.values(), *more)}
    return replace(
        probe, hosts=_of_family(probe.hosts, said.flags), tool=tool, headers=tuple(headers.values())
    )


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
    port = _port(str(80 if parts.port is None else parts.port))
    return HttpProbe(_hosts(host), port, target=target, headers=(("Host", name),))


def _header(text: str) -> tuple[str, str]:
    name, _, value = text.partition(":")
    if not re.fullmatch(r"[\w-]+", name) or not re.fullmatch(r"[ -~]+", value) or not value.strip():
        raise NotTranslated
    if name.lower() in ("connection", "transfer-encoding", "content-length", "expect", "upgrade"):
        raise NotTranslated
    return name, value.strip()


def _hosts(host: str) -> tuple[str, ...]:
    if host.lower() not in LOOPBACK:
        raise NotTranslated
    return LOOPBACK[host.lower()]


def _of_family(hosts: tuple[str, ...], flags: set[str]) -> tuple[str, ...]:
    for flag, sign in (("4", "."), ("6", ":")):
        if flag in flags:
            hosts = tuple(host for host in hosts if sign in host)
    if not hosts:
        raise NotTranslated
    return hosts


def _port(text: str) -> int:
    try:
        number = strconv.parse_uint(text, bits=16)
    except strconv.NumError:
        raise NotTranslated from None
    if not number:
        raise NotTranslated
    return number


def _least(times: Iterable[str]) -> int:
    """The shortest of some times in seconds with a fraction, in nanoseconds; 0 where there is none."""
    return min((_seconds(one) for one in times), default=0)


def _seconds(text: str) -> int:
    seconds = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else 0.0
    if not 0 < seconds <= LONGEST_S:
        raise NotTranslated
    return int(seconds * SECOND)
