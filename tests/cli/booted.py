"""A machine that systemd has booted: namespaces of its own, this machine's programs, and no unit but ours."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.settings import CHECKOUT
from harness.cgroups import ROOT, UNIFIED
from harness.net import run
from harness.world import wait_until

SYSTEMD = Path("/usr/lib/systemd/systemd")
MASKED = (
    "systemd-udevd systemd-udev-trigger systemd-logind systemd-networkd systemd-resolved systemd-timesyncd "
    "dbus docker containerd console-getty ssh cron"
)

BOOT = """
set -eu
mount -t tmpfs -o mode=755,size=2g booted "$1"
cd "$1"
shift
mkdir -p usr etc/systemd/system run tmp proc sys dev root var/lib var/log var/tmp
for link in bin lib lib64 sbin; do ln -s usr/$link $link; done
mount --bind /usr usr
for place in "$@"; do mkdir -p ".$place"; mount --bind "$place" ".$place"; done
cp -a /etc/passwd /etc/group /etc/shadow /etc/nsswitch.conf /etc/ld.so.cache /etc/alternatives etc/
echo 0123456789abcdef0123456789abcdef >etc/machine-id
for unit in $MASKED; do ln -s /dev/null etc/systemd/system/$unit.service; done
ln -s /usr/lib/systemd/system/multi-user.target etc/systemd/system/default.target
mount -t proc proc proc
mount --rbind /sys sys
if [ -e sys/fs/cgroup/cgroup.controllers ]; then
  mount -t cgroup2 booted sys/fs/cgroup
else
  mkdir -p sys/fs/cgroup/systemd
  mount -t cgroup -o none,name=skerry-booted booted sys/fs/cgroup/systemd
fi
mount -t tmpfs booted dev
for node in null zero random urandom full tty kmsg; do
  if [ -e /dev/$node ]; then touch dev/$node; mount --bind /dev/$node dev/$node; fi
done
mkdir dev/pts dev/shm
mount -t devpts booted dev/pts
ln -s /proc/self/fd dev/fd
mount -t tmpfs booted run
ip link set lo up
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . /usr/lib/systemd/systemd
"""

NAMESPACES = ("--mount", "--pid", "--ipc", "--uts", "--net", *(("--cgroup",) if UNIFIED else ()))
BRANCH = 'mkdir -p "$0"; echo $$ >"$0/cgroup.procs"; exec "$@"'


@contextmanager
def booted() -> Iterator[list[str]]:
    """The words that have a command run there. Everything ends with the one process that is its first."""
    with tempfile.TemporaryDirectory(prefix="skb", dir="/tmp") as root:
        line = ["unshare", *NAMESPACES, "--propagation", "private", "--fork", "--kill-child"]
        line += ["env", f"MASKED={MASKED}", "sh", "-c", BOOT, "sh", root, str(CHECKOUT), sys.base_prefix]
        if UNIFIED:  # systemd gets a branch of its own
            line = ["sh", "-c", BRANCH, str(ROOT / Path(root).name), *line]
        with Path(root, "log").open("wb") as log:
            process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            first = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            wait_until(lambda: _is_systemd(first.read_text().strip(), Path(root, "log")), "systemd runs", 15)
            within = ["nsenter", f"--target={first.read_text().strip()}", "--all", "--root", "--wd=/"]
            path = f"PATH={CHECKOUT}/.venv/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            within += ["env", "-i", path, "HOME=/root"]
            state = [*within, "systemctl", "is-system-running"]
            up = ("running", "degraded")
            wait_until(lambda: run(*state, check=False).strip() in up, "it is booted", 60)
            yield within
        finally:
            process.kill()
            process.wait(60)


def _is_systemd(pid: str, log: Path) -> bool:
    assert not (said := log.read_text()), said
    try:
        return "systemd" in Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return False
