"""Configs and secrets as files on a tmpfs, a directory for each task: what its container binds read-only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from skerry.core.view import View
from skerry.linux import mounts
from skerry.model.errors import SkerryError
from skerry.model.files import File, KeptFile
from skerry.model.go import strconv
from skerry.model.go.budget import Budget
from skerry.model.go.values import Function, decoded, encoded
from skerry.model.objects import Raw, Task
from skerry.model.specs import ConfigReference, FileTarget, SecretReference
from skerry.model.template import Context, context_of, expand, expand_container, payload_context

SECRET_FOLDER = PurePosixPath("/run/secrets")
CONFIG_FOLDER = PurePosixPath("/")
TMPFS_OPTIONS = "mode=0700,size=512m,nosuid,nodev"
TEMPLATING = "golang"
LAST_OWNER = 2**32 - 2
"""The last number would mean "leave it as it is" to chown."""


class FileError(SkerryError):
    """A config or secret that cannot be given to its task."""


class MissingError(FileError):
    """It is not in the store any more."""


@dataclass(frozen=True)
class TaskFile:
    """One file of a task: where it is in the container, whose, how it may be read (an octal mode)."""

    target: str
    uid: int
    gid: int
    mode: int
    data: bytes


def has_files(task: Task) -> bool:
    """Whether a task has configs or secrets."""
    container = task.spec.typed.container_spec
    return bool(container.secrets or container.configs)


def task_files(task: Task, view: View) -> list[TaskFile]:
    """A task's configs and secrets, filled where they are templates.

    Raises MissingError, with Swarm's words, where the store does not have one; FileError where its owner
    is none; TemplateError where it cannot be filled.
    """
    container = task.spec.typed.container_spec
    payload = _Payload(task, view)
    files = []
    for secret in container.secrets:
        if secret.file is not None:
            secret_row = view.secret(secret.secret_id)
            files.append(_file(secret.file, SECRET_FOLDER, payload.content(secret_row, secret)))
    for config in container.configs:
        if config.file is not None:
            config_row = view.config(config.config_id)
            files.append(_file(config.file, CONFIG_FOLDER, payload.content(config_row, config)))
    return files


def _file(target: FileTarget, folder: PurePosixPath, data: bytes) -> TaskFile:
    # An absolute name stays as it is: joining to it drops the folder.
    path = str(folder / target.name)
    return TaskFile(path, _owner(target.uid), _owner(target.gid), target.mode & 0o7777, data)


def _owner(text: str) -> int:
    """The number of a user or group. Swarm takes any and cuts it to 32 bits, so that 2^32 is root."""
    try:
        number = strconv.atoi(text)
    except strconv.NumError as error:
        raise FileError(str(error)) from error
    if not 0 <= number <= LAST_OWNER:
        raise FileError(f"owner {number} of a file is not between 0 and {LAST_OWNER}")
    return number


class _Payload:
    """What a template inside a config may ask for beyond the fields: by the targets' names."""

    def __init__(self, task: Task, view: View) -> None:
        self._task, self._view = task, view
        self._container = task.spec.typed.container_spec
        self._budget = Budget()
        functions = {name: Function(call, ("string",)) for name, call in self._calls().items()}
        self._functions = functions
        self._context = payload_context(self._plain_context, functions, self._budget)

    def _calls(self) -> dict[str, Callable[[str], str]]:
        return {"secret": self._secret, "config": self._config, "env": self._env}

    @property
    def _plain_context(self) -> Context:
        return context_of(self._task, self._view.nodes.get(self._task.node_id))

    def content(self, stored: File | KeptFile | None, reference: ConfigReference | SecretReference) -> bytes:
        """What a file holds: the object's data, filled where it is a template."""
        if stored is None:
            kind = "secret" if isinstance(reference, SecretReference) else "config"
            key = reference.secret_id if isinstance(reference, SecretReference) else reference.config_id
            raise MissingError(f"unable to get {kind} from {kind} store: {kind} {key} not found")
        templating = stored.templating
        if not templating:
            return stored.data
        if templating != TEMPLATING:
            raise FileError("unrecognized template type")
        return encoded(expand(decoded(stored.data), self._context, self._functions, self._budget))

    def _secret(self, target: str) -> str:
        for reference in self._container.secrets:
            if reference.file is not None and reference.file.name == target:
                return self._text(self._view.secret(reference.secret_id), f"secret {reference.secret_id}")
        raise ValueError(f"secret target {target} not found")

    def _config(self, target: str) -> str:
        for reference in self._container.configs:
            if reference.file is not None and reference.file.name == target:
                return self._text(self._view.config(reference.config_id), f"config {reference.config_id}")
        raise ValueError(f"config target {target} not found")

    def _env(self, name: str) -> str:
        return self._variables.get(name, "")

    @cached_property
    def _variables(self) -> dict[str, str]:
        """The container's variables, filled; the first of a name counts."""
        container: Raw = self._task.spec.raw.get("ContainerSpec") or {}
        lines = expand_container(container, self._plain_context).get("Env") or []
        pairs = (line.partition("=") for line in reversed(lines))
        return {key: value for key, sign, value in pairs if sign}

    @staticmethod
    def _text(stored: File | KeptFile | None, what: str) -> str:
        if stored is None:
            raise ValueError(f"{what} not found")
        return decoded(stored.data)


class TaskFolders:
    """The directories of all tasks' files, below `root`. Blocking: call it in a thread."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make `root`, in memory: a tmpfs is mounted there unless it lies on one. Raises MountError."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)
        if not mounts.in_memory(self.root):
            mounts.mount_tmpfs(self.root, TMPFS_OPTIONS)

    def write(self, task_id: str, files: list[TaskFile]) -> list[Raw]:
        """Write a task's files, again where they are there; the mounts that its container needs."""
        folder = self.root / task_id
        binds = []
        for number, file in enumerate(files):
            path = folder / str(number)
            if not _is_written(path, file):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                _write(path, file)
            binds.append({"Type": "bind", "Source": str(path), "Target": file.target, "ReadOnly": True})
        return binds

    def remove(self, task_id: str) -> None:
        """Remove a task's files."""
        shutil.rmtree(self.root / task_id, ignore_errors=True)

    def known(self) -> list[str]:
        """The tasks that have files."""
        return [folder.name for folder in self.root.iterdir()] if self.root.is_dir() else []


def _is_written(path: Path, file: TaskFile) -> bool:
    """Whether the file is there already: a running container holds this very inode."""
    try:
        status = path.stat()
        same = (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (file.uid, file.gid, file.mode)
        return same and path.read_bytes() == file.data
    except OSError:
        return False


def _write(path: Path, file: TaskFile) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        target.write(file.data)
        os.fchown(target.fileno(), file.uid, file.gid)
        os.fchmod(target.fileno(), file.mode)
