"""Configs and secrets as files."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.net import run
from skerry.agent.task_folders import FileError, MissingError, TaskFile, TaskFolders, task_files
from skerry.core.view import View
from skerry.linux.mounts import in_memory
from skerry.model.files import Config, Secret
from skerry.model.objects import Raw, Task
from skerry.model.states import TaskState
from tests.agent.stage import NODE, new_task

HERE = (str(os.getuid()), str(os.getgid()))


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path:
        yield Path(path)


def secret(name: str, target: str, **file: Any) -> Raw:
    given = {"Name": target, "UID": "0", "GID": "0", "Mode": 0o444, **file}
    return {"SecretID": f"id-{name}", "SecretName": name, "File": given}


def config(name: str, target: str, **file: Any) -> Raw:
    given = {"Name": target, "UID": "0", "GID": "0", "Mode": 0o444, **file}
    return {"ConfigID": f"id-{name}", "ConfigName": name, "File": given}


def task(**container: Any) -> Task:
    return new_task("t1", TaskState.RUNNING, container)


def view(templating: str = "") -> View:
    spec = {"Templating": {"Name": templating}} if templating else {}
    text = b'{{.Service.Name}} {{secret "s"}} {{env "A"}} {{config "plain"}}'
    return View(
        nodes={NODE.id: NODE},
        secrets={"id-s": Secret("id-s", "s", {}, b"hidden")},
        configs={
            "id-c": Config("id-c", "c", spec, text),
            "id-plain": Config("id-plain", "plain", {}, b"{{.Nope}} \xff\x00"),
        },
    )


def test_targets_owners_and_modes_are_swarms() -> None:
    container = {
        "Secrets": [secret("s", "s", UID="33", GID="44", Mode=0o400), secret("s", "/etc/key")],
        "Configs": [config("plain", "plain"), config("plain", "/etc/a/b.conf", Mode=0o755)],
    }
    found = task_files(task(**container), view())
    assert [(file.target, file.uid, file.gid, file.mode) for file in found] == [
        ("/run/secrets/s", 33, 44, 0o400),
        ("/etc/key", 0, 0, 0o444),
        ("/plain", 0, 0, 0o444),
        ("/etc/a/b.conf", 0, 0, 0o755),
    ]
    assert [file.data for file in found] == [b"hidden", b"hidden", *[b"{{.Nope}} \xff\x00"] * 2]


def test_a_templated_config_is_filled() -> None:
    container = {
        "Env": ["A={{.Task.Slot}}"],
        "Secrets": [secret("s", "s")],
        "Configs": [config("c", "c"), config("plain", "plain")],
    }
    found = task_files(task(**container), view("golang"))
    assert found[1].data == b"web hidden 1 {{.Nope}} \xff\x00"


@pytest.mark.parametrize(
    ("container", "templating", "error", "words"),
    [
        (
            {"Secrets": [secret("gone", "x")]},
            "",
            MissingError,
            "unable to get secret from secret store: secret id-gone not found",
        ),
        (
            {"Configs": [config("gone", "x")]},
            "",
            MissingError,
            "unable to get config from config store: config id-gone not found",
        ),
        ({"Configs": [config("plain", "x", UID="root")]}, "", FileError, 'parsing "root": invalid syntax'),
        ({"Configs": [config("c", "c")]}, "jinja", FileError, "unrecognized template type"),
        ({"Configs": [config("c", "c")]}, "golang", Exception, "secret target s not found"),
    ],
)
def test_what_cannot_be_given_says_why(
    container: Raw, templating: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as refused:
        task_files(task(**container), view(templating))
    assert words in str(refused.value)


def test_files_are_written_once_and_again_when_they_are_gone(folder: Path) -> None:
    folders = TaskFolders(folder / "tasks")
    folders.prepare()
    file = TaskFile("/c", os.getuid(), os.getgid(), 0o440, b"text")
    mounts = folders.write("t1", [file])
    source = Path(mounts[0]["Source"])
    assert mounts == [{"Type": "bind", "Source": str(source), "Target": "/c", "ReadOnly": True}]
    assert source.read_bytes() == b"text"
    assert stat.S_IMODE(source.stat().st_mode) == 0o440
    inode = source.stat().st_ino
    assert folders.write("t1", [file]) == mounts
    assert source.stat().st_ino == inode
    source.unlink()
    folders.write("t1", [file])
    assert source.read_bytes() == b"text"
    assert folders.known() == ["t1"]
    folders.remove("t1")
    folders.remove("t1")
    assert folders.known() == []


def test_nobody_else_can_look_into_the_folder(folder: Path) -> None:
    folders = TaskFolders(folder / "tasks")
    folders.prepare()
    folders.prepare()
    assert stat.S_IMODE(folders.root.stat().st_mode) == 0o700
    assert in_memory(folders.root)


@pytest.mark.engine
def test_a_folder_on_a_disk_is_made_one_in_memory() -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as disk:
        check_on_disk(Path(disk))


def check_on_disk(disk: Path) -> None:
    folders = TaskFolders(disk / "tasks")
    assert not in_memory(disk)
    folders.prepare()
    try:
        assert in_memory(folders.root)
        assert not in_memory(disk)
        folders.prepare()
        folders.write("t1", [TaskFile("/c", 33, 44, 0o400, b"x")])
        seen = (folders.root / "t1" / "0").stat()
        assert (seen.st_uid, seen.st_gid) == (33, 44)
    finally:
        run("umount", str(folders.root))
