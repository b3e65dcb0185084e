"""Two network namespaces joined by a cable: a machine of our own, and a host outside."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from demo.patience import PATIENCE

SHOWN = 60
"""Lines of a failed command's output that its error shows."""
INSIDE, OUTSIDE = "10.99.0.2", "10.99.0.1"
INSIDE6, OUTSIDE6 = "fd99::2", "fd99::1"

OWN_RESOLV_CONF = """
at=$(findmnt --noheadings --output TARGET --target /etc/resolv.conf) &&
mount --make-private "$at" && mount --bind "$0" /etc/resolv.conf && exec "$@"
"""
"""Only the mount that the file is on is made private: others, of namespaces and of containers, still come and
go on both sides."""

_numbers = itertools.count(1)


def run(
    *words: str,
    timeout: float = 60,
    check: bool = True,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """Run a command; its output, both streams. Raises AssertionError with that output where it fails."""
    done = subprocess.run(
        words,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=PATIENCE * timeout,
        check=False,
    )
    assert not check or done.returncode == 0, (
        f"{' '.join(words)} exited {done.returncode}:\n{_end(done.stdout)}"
    )
    return done.stdout


def _end(text: str) -> str:
    """The end of what was said: there it says what went wrong, and a report of a test is cut somewhere."""
    lines = text.splitlines()
    return "\n".join([*(["…"] if len(lines) > SHOWN else []), *lines[-SHOWN:]])


class Net:
    """The namespaces `skerry-t-…` (inside) and `skerry-o-…` (outside). Addresses are the same in every Net.

    There is no way further than the outside host, and no default route, so that look-ups of registries fail
    at once. The outside host has a route to 10.0.0.0/8 by the inside: what it does not reach is not for lack
    of one. With `resolv_conf`, what runs inside has that file for its /etc/resolv.conf.
    """

    def __init__(self, resolv_conf: Path | None = None) -> None:
        self.tag = f"{os.getpid()}-{next(_numbers)}"
        self.inside = f"skerry-t-{self.tag}"
        self.outside = f"skerry-o-{self.tag}"
        self.resolv_conf = resolv_conf

    def make(self, *, plugged: bool = True) -> None:
        """Make both, and the cable unless told otherwise."""
        for name in (self.inside, self.outside):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        if plugged:
            self.plug()
        self.sysctl("net.ipv4.ip_forward", "1")

    def plug(self) -> None:
        """Make the cable, with its addresses and routes."""
        run(
            "ip",
            "-n",
            self.inside,
            "link",
            "add",
            "eth0",
            "type",
            "veth",
            "peer",
            "eth0",
            "netns",
            self.outside,
        )
        places = ((self.inside, INSIDE, INSIDE6), (self.outside, OUTSIDE, OUTSIDE6))
        for name, address, address6 in places:
            run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            run("ip", "-n", name, "addr", "add", f"{address6}/64", "dev", "eth0", "nodad")
            run("ip", "-n", name, "link", "set", "eth0", "up")
        run("ip", "-n", self.outside, "route", "add", "10.0.0.0/8", "via", INSIDE)

    def remove(self) -> None:
        """Remove both; everything in them goes with them once no process is left there."""
        for name in (self.inside, self.outside):
            run("ip", "netns", "del", name, check=False)

    def within(self, words: Sequence[str], *, outside: bool = False) -> list[str]:
        """The command that runs another one there. nsenter, since `ip netns exec` hides the cgroups."""
        line = ["nsenter", f"--net=/run/netns/{self.outside if outside else self.inside}"]
        if self.resolv_conf is not None and not outside:
            line += ["unshare", "--mount", "--propagation=unchanged"]
            line += ["sh", "-c", OWN_RESOLV_CONF, str(self.resolv_conf)]
        return [*line, *words]

    def sysctl(self, name: str, value: str) -> None:
        """Set a sysctl of the inside."""
        run(*self.within(["sysctl", "-qw", f"{name}={value}"]))
