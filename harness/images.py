"""Images for tests, made once and kept as tars in the checkout's cache."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.images import SUITE, base_tar, import_line
from demo.settings import CACHE, EXAMPLE
from harness.net import Net, run
from harness.processes import kill_all

BOX = "box:1"
"""Busybox alone; runs `sleep` until it is told otherwise."""
STORY = ("story-app:1.0.0", "story-app:1.0.1", "story-app:broken", "story-web:1.0.0", "story-web:1.0.1")
# no wget and no nslookup: the resolver of Debian's static busybox crashes
TOOLS = (
    "sh",
    "sleep",
    "nc",
    "cat",
    "echo",
    "ls",
    "id",
    "stat",
    "httpd",
    "ping",
    "ip",
    "kill",
    "true",
    "false",
)


@contextmanager
def alone() -> Iterator[None]:
    """Tests run in several processes: what all of them need is made by one."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def box_tar() -> Path:
    """A root file system with static busybox, for `docker import`."""
    tar = CACHE / "box-1.tar"
    if not tar.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = CACHE / f".{os.getpid()}-box.tar"
        with tarfile.open(unfinished, "w") as file:
            for folder in ("bin", "etc", "tmp", "dev", "proc", "sys"):
                entry = tarfile.TarInfo(folder)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                file.addfile(entry)
            file.add(shutil.which("busybox") or "/bin/busybox", "bin/busybox")
            for tool in TOOLS:
                link = tarfile.TarInfo(f"bin/{tool}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                file.addfile(link)
            passwd = b"root:x:0:0::/:/bin/sh\n"
            entry = tarfile.TarInfo("etc/passwd")
            entry.size = len(passwd)
            file.addfile(entry, io.BytesIO(passwd))
        unfinished.rename(tar)
    return tar


def registry_tar() -> Path:
    """The file system of Debian's docker-registry and what it needs, for `docker import`."""
    tar = CACHE / "registry.tar"
    if not tar.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = CACHE / f".{os.getpid()}-registry.tar"
        words = ["mmdebstrap", "--quiet", "--variant=extract", "--include=docker-registry,ca-certificates"]
        run(*words, SUITE, str(unfinished), timeout=120)
        unfinished.rename(tar)
    return tar


def story_tar() -> Path:
    """The story's images as `docker save` gives them, built by a plain dockerd where they are not there."""
    files = sorted(path for name in ("app", "web") for path in (EXAMPLE / name).rglob("*") if path.is_file())
    seen = hashlib.sha256(repr(STORY).encode())
    for path in files:
        seen.update(path.name.encode() + path.read_bytes())
    tar = CACHE / f"story-{seen.hexdigest()[:12]}.tar"
    with alone():
        if not tar.exists():
            base = base_tar()
            for old in CACHE.glob("story-*.tar"):
                old.unlink(missing_ok=True)
            _build(base, tar)
    return tar


def _build(base: Path, tar: Path) -> None:
    root, net = Path(tempfile.mkdtemp(prefix="ski", dir="/tmp")), Net()
    unfinished = CACHE / f".{os.getpid()}-{tar.name}"
    engine = None
    try:
        net.make()
        socket = root / "d.sock"
        engine = _dockerd(root, net, socket)
        docker = ["env", f"DOCKER_HOST=unix://{socket}", "DOCKER_BUILDKIT=0"]
        run(*docker, "bash", "-c", import_line(base), timeout=120)
        for image in STORY:
            name, _, version = image.partition(":")
            args = ["--build-arg", f"VERSION={version}", "--tag", image]
            run(*docker, "docker", "build", *args, str(EXAMPLE / name.removeprefix("story-")), timeout=120)
        run(*docker, "docker", "save", "--output", str(unfinished), *STORY, timeout=120)
        unfinished.rename(tar)
    finally:
        try:
            kill_all(root, [net.inside])
        finally:
            net.remove()
            unmount_below(root)
            shutil.rmtree(root, ignore_errors=True)
            unfinished.unlink(missing_ok=True)
        if engine is not None:
            engine.wait(60)


def _dockerd(root: Path, net: Net, socket: Path) -> subprocess.Popen[bytes]:
    """A plain dockerd, once it answers."""
    words = ["dockerd", "--host", f"unix://{socket}", "--data-root", str(root / "data"), "--bridge=none"]
    words += ["--exec-root", str(root / "x"), "--pidfile", str(root / "d.pid"), "--iptables=false"]
    with (root / "log").open("w") as log:
        process = subprocess.Popen(net.within(words), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    ping = f"until curl -sf --unix-socket {socket} http://d/_ping >/dev/null; do sleep 0.1; done"
    run("timeout", "240", "bash", "-c", ping, timeout=70)
    return process


def unmount_below(root: Path) -> None:
    """Take away every mount under a directory, the last one first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    for place in reversed([line.split()[4] for line in lines]):
        if place.startswith(f"{root}/"):
            run("umount", "-l", place, check=False)
