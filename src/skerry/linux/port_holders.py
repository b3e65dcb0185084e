"""Who has a port of this machine: the process whose socket is bound to it, as /proc shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from skerry.linux.processes import process_name

LISTEN = "0A"
LEAST_FIELDS = 10


def holder_of(key: str) -> str:
    """Who is bound to a port (`tcp/80`), e.g. `nginx (process 812)`; "" where nobody is to be seen: a socket
    of another network namespace, or one of the kernel's own. Blocks: it looks at every process."""
    protocol, _, number = key.partition("/")
    inodes = set(_inodes(protocol, int(number)))
    pid = _owner(inodes) if inodes else None
    return f"{process_name(pid) or 'a process'} (process {pid})" if pid is not None else ""


def _inodes(protocol: str, port: int) -> Iterator[str]:
    """The sockets that are bound to a port, by the numbers of their inodes."""
    for table in (protocol, f"{protocol}6"):
        try:
            lines = Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]
        except OSError:  # no such protocol here
            continue
        for fields in map(str.split, lines):
            if len(fields) < LEAST_FIELDS or (protocol == "tcp" and fields[3] != LISTEN):
                continue
            if int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _owner(inodes: set[str]) -> int | None:
    """A process that has one of the sockets open, the one with the lowest number."""
    names = {f"socket:[{inode}]" for inode in inodes}
    for pid in sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        try:
            if any(_target(handle) in names for handle in Path(f"/proc/{pid}/fd").iterdir()):
                return pid
        except OSError:  # it has ended meanwhile
            continue
    return None


def _target(handle: Path) -> str:
    try:
        return str(handle.readlink())
    except OSError:
        return ""
