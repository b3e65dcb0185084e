"""A real dockerd in a network namespace of its own, for the tests of one session."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_S = 160


def run(*command: str, stdin: bytes | None = None) -> str:
    """Run a command that must succeed; its output."""
    done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
    return done.stdout.decode().strip()


@contextmanager
def namespace(name: str) -> Iterator[str]:
    """A network namespace with a loopback, one address and no way out; yields its path."""
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", "up0")
        run("ip", "-n", name, "link", "set", "up0", "up")
        run("ip", "-n", name, "addr", "add", "10.99.0.2/24", "dev", "eth0")
        run("ip", "-n", name, "link", "set", "eth0", "up")
        yield f"/run/netns/{name}"
    finally:
        run("ip", "netns", "del", name)


@contextmanager
def dockerd(live_restore: bool = True) -> Iterator[str]:
    """A dockerd with the image `box:1`; yields its socket's path. Everything is gone afterwards."""
    with (
        namespace(f"skt-{os.getpid()}") as net,
        tempfile.TemporaryDirectory(prefix="skt-", ignore_cleanup_errors=True) as folder,
    ):
        root = Path(folder)
        command = ["nsenter", f"--net={net}", "dockerd", "--host", f"unix://{root}/d.sock"]
        command += ["--data-root", f"{root}/data", "--exec-root", f"{root}/x", "--pidfile", f"{root}/d.pid"]
        command += ["--live-restore"] if live_restore else []
        log = (root / "log").open("wb")
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            _await_answer(root, process)
            docker(f"{root}/d.sock", "import", "-c", 'CMD ["sleep", "1000"]', "-", "box:1", stdin=_box())
            yield f"{root}/d.sock"
        finally:
            containers = docker(f"{root}/d.sock", "ps", "-aq").split()
            if containers:
                docker(f"{root}/d.sock", "rm", "-f", *containers)
            process.terminate()
            process.wait(timeout=120)
            log.close()


def docker(socket: str, *words: str, stdin: bytes | None = None) -> str:
    """The docker CLI against an engine."""
    binary = shutil.which("docker") or "docker"
    return run(binary, "-H", f"unix://{socket}", *words, stdin=stdin)


def _await_answer(root: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, (root / "log").read_text()
        ping = ["curl", "-s", "--unix-socket", f"{root}/d.sock", "http://d/_ping"]
        if subprocess.run(ping, capture_output=True, check=False).stdout == b"OK":
            return
        time.sleep(0.1)
    raise AssertionError((root / "log").read_text())


def _box() -> bytes:
    """A root file system that is busybox and nothing else."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        archive.add("/bin/busybox", "bin/busybox")
        for applet in (
            "sh",
            "sleep",
            "cat",
            "stat",
            "ls",
            "id",
            "true",
            "false",
            "touch",
            "kill",
            "env",
            "test",
        ):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        archive.addfile(folder)
    return target.getvalue()
