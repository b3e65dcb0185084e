"""/etc/resolv.conf: what the host's says, and what a task's is to say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from posixpath import normpath

from skerry.model.objects import Raw

TARGET = "/etc/resolv.conf"
NAMESERVERS = 3
"""Resolvers read no more of them."""
NDOTS = "ndots:"
SHORT_NAMES_FIRST = "ndots:0"
"""What Docker adds where nobody says otherwise: a name is asked as it is before a search domain is tried."""


@dataclass(frozen=True)
class ResolvConf:
    """The three kinds of lines that count."""

    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @staticmethod
    def parse(text: str) -> ResolvConf:
        """Read a file. The last `search` counts, and every `options`; `domain` does not, as with Docker."""
        nameservers: list[str] = []
        search: list[str] = []
        options: list[str] = []
        for line in text.splitlines():
            match line.partition("#")[0].split():
                case ["nameserver", address, *_]:
                    nameservers.append(address)
                case ["search", *domains]:
                    search = domains
                case ["options", *words]:
                    options += words
        return ResolvConf(tuple(nameservers), tuple(search), tuple(options))

    def render(self) -> str:
        """The file, in Docker's order of lines. A search domain `.` alone means none."""
        lines = [["search", *self.search]] if self.search and self.search != (".",) else []
        lines += [["nameserver", address] for address in self.nameservers]
        lines += [["options", *self.options]] if self.options else []
        return "".join(f"{' '.join(words)}\n" for words in lines)


def of_task(
    legs: Iterable[str], host: ResolvConf, search: Iterable[str], options: Iterable[str]
) -> ResolvConf:
    """A task's: the gate's legs answer, each for all of the task's networks; search domains and options are
    the service's, or else the host's."""
    options = tuple(options) or host.options
    if not any(option.startswith(NDOTS) for option in options):
        options = (*options, SHORT_NAMES_FIRST)
    return ResolvConf(tuple(legs)[:NAMESERVERS], tuple(search) or host.search, options)


def has_its_own(host: Raw) -> bool:
    """Whether a container's HostConfig mounts something at /etc/resolv.conf already."""
    targets = [str(mount.get("Target", "")) for mount in host.get("Mounts") or ()]
    return any(normpath(target) == TARGET for target in targets)
