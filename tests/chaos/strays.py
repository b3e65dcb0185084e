"""Everything that is on a stage: what `tests.crash.picture` sees, and mounts, processes, descriptors."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.processes import processes_of
from tests.cases.faults.stage import Stage
from tests.crash.life import Client
from tests.crash.picture import picture

CHANCE = re.compile(r"\b[0-9a-f]{12,}\b|\b[0-9a-z]{25}\b|(?<=\[)\d+(?=\])|\b[A-Z2-7]{26}\b|(?<=_shm_)\d+")
"""IDs of containers, tasks, layers; numbers of namespaces and processes."""
CONTAINERS = re.compile(r"(?: -id |/overlay2/|/containers/)([0-9a-f]{64})\b")
SOCKET = "socket:"
SPARE = 16
"""So many sockets more than at the begin a process may have, to clients and the engine, which come and go."""
PROGRAMS = ("skerry.daemon", "skerry.gate")
REMEMBERED = "machine nft: chain former-"
COMES_AND_GOES = re.compile(r"file (\S+\.log\.\d|goroutine-\S+)$")


def everything(stage: Stage) -> list[str]:
    """In lines, sorted."""
    api = Client(str(stage.world.socket))
    try:
        lines = picture(stage.world, api, asking=False)
    finally:
        api.close()
    running = _running(stage)
    found = (*_mounts(stage), *_processes(stage), *_descriptors(stage))
    lines += [CHANCE.sub("ID", line) for line in found if _is_of(line, running)]
    return sorted(line for line in lines if not COMES_AND_GOES.search(line))


def _running(stage: Stage) -> frozenset[str]:
    """The IDs of containers that run, and of their layers."""
    containers = stage.engine("ps", "--quiet", "--no-trunc").split()
    layers = stage.world.data_dir / "engine" / "image" / "overlay2" / "layerdb" / "mounts"
    files = [layers / container / "mount-id" for container in containers]
    return frozenset([*containers, *(file.read_text().strip() for file in files if file.exists())])


def _is_of(line: str, running: frozenset[str]) -> bool:
    """Whether a shim or a mount is that of a container that runs, or is no container's. An engine that is
    killed in the middle may leave both of one that does not run, by its own word; skerry acts by that."""
    found = CONTAINERS.search(line)
    return found is None or found[1] in running


def remembered(lines: Iterable[str]) -> bool:
    """Whether addresses of tasks that are gone still lead to their services: that ends by itself."""
    return any(line.startswith(REMEMBERED) for line in lines)


def _mounts(stage: Stage) -> Iterator[str]:
    root = str(stage.world.root)
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        place = line.split()[4]
        if place.startswith((f"{root}/", f"/run/netns/{stage.gate}")):
            yield f"mount {place.removeprefix(root)}"


def _processes(stage: Stage) -> Iterator[str]:
    """By their programs, and what python runs."""
    for pid in processes_of(stage.world.root, [stage.world.net.inside, stage.gate]):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            yield f"process {Path(words[0]).name} {' '.join(word for word in words[1:5] if '/' not in word)}"


def _descriptors(stage: Stage) -> Iterator[str]:
    for program in PROGRAMS:
        for place in _open_in(stage, program):
            if not place.startswith(SOCKET):
                yield f"descriptor of {program}: {place.removeprefix(str(stage.world.root))}"


def sockets(stage: Stage) -> dict[str, int]:
    """How many each program has."""
    return {
        program: sum(place.startswith(SOCKET) for place in _open_in(stage, program)) for program in PROGRAMS
    }


def _open_in(stage: Stage, program: str) -> Iterator[str]:
    for pid in stage.pids(program):
        with contextlib.suppress(OSError):  # it has ended, or closed one of them
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                yield str(entry.readlink())


def surplus(before: dict[str, int], now: dict[str, int]) -> list[str]:
    """Where there are more sockets than may come and go, in words."""
    return [
        f"too much: {count} sockets of {program}, {before[program]} at the begin"
        for program, count in now.items()
        if count > before[program] + SPARE
    ]
