"""The image names:1: Debian with five resolvers and a program for each that asks it.

What has to be built is built once, in a tree of Debian packages that is thrown away, and kept in the
checkout's cache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import dns

from demo.images import SUITE, base_tar, import_line
from demo.settings import CACHE
from harness.net import run

IMAGE = "names:1"
SOURCES = Path(__file__).parent / "image"
RESOLVERS = {
    "glibc": ["python3", "-S", "/ask/ask.py", "glibc"],
    "musl": ["/ask/ask-musl"],
    "busybox": ["python3", "-S", "/ask/ask.py", "busybox"],
    "go": ["/ask/ask-go"],
    "python": ["python3", "-S", "/ask/ask.py", "python"],
}
"""The resolvers, and what asks them in a container. C libraries read /etc/hosts, and Go does."""
UNBUILT = ("glibc", "busybox", "python")
"""Those that need no compiler."""
BUILD = (
    "gcc -static -O1 -specs /usr/lib/*-linux-musl/musl-gcc.specs -o /image/ask-musl /image/ask.c",
    "CGO_ENABLED=0 GO111MODULE=off GOCACHE=/tmp/go go build -o /image/ask-go /image/ask.go",
)
"""What is run in the tree of packages."""
PACKAGES = ("dash", "gcc", "golang-go", "musl-tools")


def prepare(docker: list[str], *, built: bool) -> None:
    """Make the image in an engine; `docker` is the command line of its CLI. `built`: with all resolvers."""
    run(*docker[:-1], "bash", "-c", import_line(base_tar()), timeout=120)
    with tempfile.TemporaryDirectory(prefix="sknames", dir="/tmp") as folder:
        context = Path(folder) / "context"
        shutil.copytree(SOURCES, context)
        shutil.copytree(Path(dns.__file__).parent, context / "dns", ignore=shutil.ignore_patterns("__py*"))
        for program in _programs(built=built).iterdir():
            shutil.copy2(program, context)
        run(*docker, "build", "--tag", IMAGE, str(context), timeout=120)


def _programs(*, built: bool) -> Path:
    """The folder with busybox alone, or with all that is built, too."""
    texts = [(SOURCES / name).read_bytes() for name in ("ask.c", "ask.go")] if built else []
    place = CACHE / f"names-{hashlib.sha256(b''.join(texts)).hexdigest()[:12]}"
    if not place.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = CACHE / f".{os.getpid()}-{place.name}"
        unfinished.mkdir()
        try:
            _make(unfinished, built=built)
            unfinished.rename(place)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return place


def _make(place: Path, *, built: bool) -> None:
    packages, hooks = ["busybox"], [f"copy-out /bin/busybox {place}"]
    if built:
        packages += PACKAGES
        hooks.append(f"copy-in {SOURCES} /")
        hooks += [f"chroot \"$1\" /bin/sh -c '{line}'" for line in BUILD]
        hooks.append(f"copy-out /image/ask-musl /image/ask-go {place}")
    words = ["mmdebstrap", "--quiet", "--variant=extract", "--format=null", f"--include={','.join(packages)}"]
    run(*words, *(f"--extract-hook={hook}" for hook in hooks), SUITE, "/dev/null", timeout=300)
