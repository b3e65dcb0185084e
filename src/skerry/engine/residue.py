"""What a dockerd changes on a machine and leaves when it ends: noted before, put back after a purge.

That is the policy of the FORWARD chain, forwarding itself, its chains and the rules that lead to them, and
the bridge docker0. Only where no other dockerd needs them.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
BRIDGE = "docker0"


def note(path: Path) -> None:
    """Write down how the machine is, unless that has been done: before the engine's first start."""
    if path.exists():
        return
    policy = next((line.split()[2] for line in _rules("filter") if line.startswith("-P FORWARD")), "ACCEPT")
    before = {"forward": policy, "ip_forward": FORWARDING.read_text().strip()}
    path.write_text(json.dumps(before))


def put_back(path: Path) -> None:
    """Make the machine as it was noted. Without a note there is nothing to put back."""
    if not path.exists():
        return
    before = json.loads(path.read_text())
    for table in ("nat", "filter"):
        _remove_chains(table)
    _run("iptables", "-w", "-P", "FORWARD", before["forward"])
    FORWARDING.write_text(before["ip_forward"])
    _run("ip", "link", "delete", BRIDGE)


def _remove_chains(table: str) -> None:
    rules = [shlex.split(line) for line in _rules(table)]
    for words in rules:
        if words[0] == "-A" and any(_is_engines(word) for word in words):
            _run("iptables", "-w", "-t", table, "-D", *words[1:])
    for words in rules:
        if words[0] == "-N" and _is_engines(words[1]):
            _run("iptables", "-w", "-t", table, "-F", words[1])
            _run("iptables", "-w", "-t", table, "-X", words[1])


def _is_engines(word: str) -> bool:
    return word == BRIDGE or word == "DOCKER" or word.startswith("DOCKER-")


def _rules(table: str) -> list[str]:
    done = subprocess.run(["iptables", "-w", "-t", table, "-S"], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def _run(*words: str) -> None:
    """Whatever is gone already is as it should be."""
    subprocess.run(words, capture_output=True, check=False)
