"""The /etc/resolv.conf of each task: a file that its container binds, and may write to.

It leads to the gate's legs, past the engine's own resolver, which answers hostnames by itself and nothing
while the engine is away. The files lie on a tmpfs, so that names do not end with a disk, and on one of their
own, whose size is bounded: a container that fills its file takes no memory from the machine.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import structlog

from skerry.agent.container import Blueprint
from skerry.core.resolvconf import TARGET, ResolvConf, has_its_own, of_task
from skerry.linux import mounts

log = structlog.get_logger()

HOST = Path(TARGET)
TMPFS_OPTIONS = "mode=0755,size=64m,nosuid,nodev,noexec"
STUB = ("127.0.0.53",)
"""systemd-resolved's own address; what it asks itself stands in the other file."""
BEHIND_STUB = Path("/run/systemd/resolve/resolv.conf")


class ResolvFiles:
    """All tasks' files, below `root`, each named after its task. Blocking: call it in a thread."""

    def __init__(self, root: Path, host: Path = HOST) -> None:
        self.root = root
        self._host = host

    def prepare(self) -> None:
        """Make `root`, a tmpfs of its own, where it is none yet. Raises MountError."""
        self.root.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not mounts.is_mount_point(self.root):
            mounts.mount_tmpfs(self.root, TMPFS_OPTIONS)

    def given(self, task_id: str, plan: Blueprint) -> Blueprint:
        """The blueprint with the task's file bound, which is written now. One that is on no network of ours,
        or that mounts a file of its own there, keeps what it has; so does one whose file can't be written:
        the engine's resolver, which that names, is led to the gate."""
        host = plan.body["HostConfig"]
        if not plan.legs or has_its_own(host):
            return plan
        wished = host.get("DnsSearch") or (), host.get("DnsOptions") or ()
        text = of_task(plan.legs, host_resolv_conf(self._host), *wished).render()
        try:
            path = self._write(task_id, text)
        except OSError as error:
            log.warning("a task keeps the engine's resolv.conf", task=task_id, error=str(error))
            return plan
        access = "ro" if host.get("ReadonlyRootfs") else "rw"
        # `z`: on a machine with SELinux the engine makes the file one that containers may read
        binds = [*(host.get("Binds") or ()), f"{path}:{TARGET}:{access},z"]
        return replace(plan, body={**plan.body, "HostConfig": {**host, "Binds": binds}})

    def _write(self, task_id: str, text: str) -> Path:
        path = self.root / task_id
        if not (path.is_file() and path.read_text(errors="replace") == text):
            self.root.mkdir(mode=0o755, parents=True, exist_ok=True)
            self.remove(task_id)
            path.write_text(text)
            path.chmod(0o644)
        return path

    def remove(self, task_id: str) -> None:
        """Remove a task's file, or what an engine that found none put there."""
        path = self.root / task_id
        with suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()

    def known(self) -> list[str]:
        """The tasks that have one."""
        return [path.name for path in self.root.iterdir()] if self.root.is_dir() else []


def host_resolv_conf(path: Path = HOST) -> ResolvConf:
    """What the host resolves with; behind systemd-resolved's stub, what that is told, as Docker takes it."""
    conf = _read(path)
    behind = path == HOST and conf.nameservers == STUB and BEHIND_STUB.is_file()
    return _read(BEHIND_STUB) if behind else conf


def _read(path: Path) -> ResolvConf:
    try:
        return ResolvConf.parse(path.read_text(errors="replace"))
    except OSError:
        return ResolvConf()
