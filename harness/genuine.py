"""A genuine dockerd in a network namespace of its own, for recording: the peer of `harness.World`."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from demo.ending import undisturbed
from harness.images import BOX, box_tar, unmount_below
from harness.net import Net, run
from harness.processes import kill_all
from harness.world import wait_until


@contextmanager
def genuine(net: Net | None = None) -> Iterator[Path]:
    """Docker's own engine with the image box:1, not yet in a swarm; the path of its socket. Makes and removes
    the network that it runs in."""
    root, net = Path(tempfile.mkdtemp(prefix="skg", dir="/tmp")), net or Net()
    socket = root / "d.sock"
    process = None
    try:
        run("mount", "-t", "tmpfs", "-o", "mode=0755,size=4g", "skerry-genuine", str(root))
        net.make()
        words = ["dockerd", "--host", f"unix://{socket}", "--data-root", str(root / "data")]
        words += ["--exec-root", str(root / "x"), "--pidfile", str(root / "d.pid")]
        with (root / "log").open("w") as log:
            process = subprocess.Popen(net.within(words), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        ping = f"until curl -sf --unix-socket {socket} http://d/_ping >/dev/null; do sleep 0.1; done"
        run("timeout", "240", "bash", "-c", ping, timeout=70)
        import_box(socket)
        yield socket
    finally:
        with undisturbed():
            _close(root, net)
        if process is not None:
            process.wait(60)


def _close(root: Path, net: Net) -> None:
    try:
        kill_all(root, [net.inside])
    finally:
        net.remove()
        unmount_below(root)
        run("umount", "-l", str(root), check=False)
        shutil.rmtree(root, ignore_errors=True)


def import_box(socket: Path) -> None:
    """Bring the image box:1."""
    change = ["--change", 'CMD ["sleep", "1000000"]', "--change", 'ENV PATH="/bin"']
    run("docker", "-H", f"unix://{socket}", "import", *change, str(box_tar()), BOX)


KINDS = ("service", "container", "network", "config", "secret", "volume")
"""What a test may make there; in this order it can be removed."""
SWARMS_OWN = {"ingress", "docker_gwbridge", "bridge", "host", "none"}


def clear(socket: Path) -> None:
    """Remove all that was made there, but for the swarm and the image."""
    docker = ["docker", "-H", f"unix://{socket}"]

    def is_clear(kind: str) -> bool:
        column = "{{.ID}} {{.Names}}" if kind == "container" else "{{.Name}} {{.Name}}"
        every = ["--all"] if kind == "container" else []
        lines = run(*docker, kind, "ls", *every, "--format", column).splitlines()
        left = [line.split()[0] for line in lines if line.split()[1] not in SWARMS_OWN]
        if left:
            run(*docker, kind, "rm", *(["--force"] if kind == "container" else []), *left, check=False)
        return not left

    for kind in KINDS:
        wait_until(partial(is_clear, kind), f"no {kind} is left", 120)
