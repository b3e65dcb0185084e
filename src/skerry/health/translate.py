"""Which health checks need no command: a look at HTTP or TCP from inside the container does. Pure.

`translated` knows the command lines whose whole meaning is one request or one connection to the container
itself. Whatever it does not know wholly stays a command: a check that is run as it stands is never wrong.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from skerry.health.command_line import Options, parse
from skerry.health.probe import (
    HttpProbe,
    NotTranslated,
    Probe,
    TcpProbe,
    http_probe,
    own_addresses,
    parse_port,
)
from skerry.model.defaults import SECOND

LONGEST_S = 2**63 // SECOND
"""What a duration of Docker's can hold."""

SHELLS = frozenset({"sh", "bash", "ash", "dash"})
SHELL = ("/bin/sh", "-c")


def translated(command: Sequence[str], environment: Sequence[str] = ()) -> Probe | None:
    """The probe that does what a health check's command does; None where it has to be executed.

    `environment` is the container's (`NAME=value`): with a proxy in it, curl and wget go elsewhere.
    """
    try:
        probe = _command(list(command))
    except (NotTranslated, ValueError):  # ValueError: an open quote, a port that is none
        return None
    proxied = any(value.partition("=")[0].lower() in _PROXIES for value in environment)
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
        probe: Probe = TcpProbe(own_addresses(opened["host"]), parse_port(opened["port"]), "bash")
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
    options = parse(words, _CURL_FLAGS, _CURL_VALUES)
    if "fail" not in options.flags or any(value != "/dev/null" for value in options.values.get("output", [])):
        raise NotTranslated
    probe = _http([*options.rest, *options.values.get("url", [])], "curl", options)
    return replace(
        probe,
        method="HEAD" if "head" in options.flags else "GET",
        mute="output" in options.values,
        follows="follow" in options.flags,
        timeout=_least(options.values.get("time", [])),
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
    options = parse(["-q" if word == "-nv" else word for word in words], _WGET_FLAGS, _WGET_VALUES)
    written = options.values.get("output", [])
    if "spider" not in options.flags or any(value not in ("-", "/dev/null") for value in written):
        raise NotTranslated
    probe = _http(options.rest, "wget", options)
    return replace(probe, mute=True, follows=True, timeout=_least(options.values.get("time", [])))


def _nc(words: list[str]) -> Probe:
    options = parse(words, {"-z": "scan", "-v": "", "-n": "", "-4": "4", "-6": "6"}, {"-w": "time"})
    if "scan" not in options.flags or len(options.rest) != 2:
        raise NotTranslated
    hosts = _of_family(own_addresses(options.rest[0]), options.flags)
    return TcpProbe(hosts, parse_port(options.rest[1]), "nc", _least(options.values.get("time", [])))


_PROGRAMS: dict[str, Callable[[list[str]], Probe]] = {"curl": _curl, "wget": _wget, "nc": _nc}


def _http(urls: list[str], tool: str, options: Options) -> HttpProbe:
    if len(urls) != 1 or re.search(r"[\[\]]", urls[0].partition("://")[2].partition("/")[2]):
        raise NotTranslated
    probe = http_probe(urls[0] if "://" in urls[0] else f"http://{urls[0]}")
    own = {"accept": ("Accept", "*/*"), "user-agent": ("User-Agent", "skerry-probe")}
    more = [_header(value) for value in options.values.get("header", [])]
    more += [("User-Agent", value) for value in options.values.get("agent", [])]
    headers = {name.lower(): (name, value) for name, value in (*probe.headers, *own.values(), *more)}
    return replace(
        probe, hosts=_of_family(probe.hosts, options.flags), tool=tool, headers=tuple(headers.values())
    )


def _header(text: str) -> tuple[str, str]:
    name, _, value = text.partition(":")
    if not re.fullmatch(r"[\w-]+", name) or not re.fullmatch(r"[ -~]+", value) or not value.strip():
        raise NotTranslated
    if name.lower() in ("connection", "transfer-encoding", "content-length", "expect", "upgrade"):
        raise NotTranslated
    return name, value.strip()


def _of_family(hosts: tuple[str, ...], flags: set[str]) -> tuple[str, ...]:
    for flag, sign in (("4", "."), ("6", ":")):
        if flag in flags:
            hosts = tuple(host for host in hosts if sign in host)
    if not hosts:
        raise NotTranslated
    return hosts


def _least(times: Iterable[str]) -> int:
    """The shortest of some times in seconds with a fraction, in nanoseconds; 0 where there is none."""
    return min((_seconds(value) for value in times), default=0)


def _seconds(text: str) -> int:
    seconds = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else 0.0
    if not 0 < seconds <= LONGEST_S:
        raise NotTranslated
    return int(seconds * SECOND)
