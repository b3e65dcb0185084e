"""The file that a task has at /etc/resolv.conf."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.net import run
from skerry.agent.container import Blueprint
from skerry.agent.resolvfiles import ResolvFiles
from skerry.model.objects import Raw

LEG = "10.0.1.254"


def blueprint(legs: tuple[str, ...] = (LEG,), **host: object) -> Blueprint:
    return Blueprint({"Image": "box:1", "HostConfig": dict(host)}, (), (), legs)


@pytest.fixture
def files(tmp_path: Path) -> ResolvFiles:
    host = tmp_path / "host"
    host.write_text("nameserver 192.0.2.1\nsearch lan\n")
    return ResolvFiles(tmp_path / "resolv", host)


def test_the_file_is_bound_and_says_whom_to_ask(files: ResolvFiles) -> None:
    host = files.given("t1", blueprint()).body["HostConfig"]
    assert host == {"Binds": [f"{files.root}/t1:/etc/resolv.conf:rw,z"]}
    assert (files.root / "t1").read_text() == f"search lan\nnameserver {LEG}\noptions ndots:0\n"
    assert (files.root / "t1").stat().st_mode & 0o777 == 0o644


def test_a_service_s_own_settings_are_in_it(files: ResolvFiles) -> None:
    files.given("t1", blueprint(DnsSearch=["x.org"], DnsOptions=["ndots:5"]))
    assert (files.root / "t1").read_text() == f"search x.org\nnameserver {LEG}\noptions ndots:5\n"


def test_it_is_read_only_where_the_root_file_system_is(files: ResolvFiles) -> None:
    binds = files.given("t1", blueprint(ReadonlyRootfs=True)).body["HostConfig"]["Binds"]
    assert binds == [f"{files.root}/t1:/etc/resolv.conf:ro,z"]


OWN: Raw = {"Mounts": [{"Type": "bind", "Source": "/mine", "Target": "/etc/resolv.conf"}]}


@pytest.mark.parametrize(
    "plan", [blueprint(()), blueprint(**OWN)], ids=["on-no-network-of-ours", "a-mount-of-its-own"]
)
def test_a_task_keeps_what_it_has(files: ResolvFiles, plan: Blueprint) -> None:
    assert files.given("t1", plan) == plan
    assert files.known() == []


def test_a_file_that_says_it_already_is_left_alone(files: ResolvFiles) -> None:
    """A running container holds this very inode."""
    files.given("t1", blueprint())
    before = (files.root / "t1").stat().st_ino
    files.given("t1", blueprint())
    assert (files.root / "t1").stat().st_ino == before


def test_what_else_lies_there_is_replaced(files: ResolvFiles) -> None:
    """An engine that finds nothing to bind makes a directory."""
    (files.root / "t1").mkdir(parents=True)
    files.given("t1", blueprint())
    assert (files.root / "t1").is_file()


def test_files_go_with_their_tasks(files: ResolvFiles) -> None:
    files.given("t1", blueprint())
    (files.root / "t2").mkdir()
    assert sorted(files.known()) == ["t1", "t2"]
    for task in ("t1", "t1", "t2"):
        files.remove(task)
    assert files.known() == []


def test_a_host_without_the_file(tmp_path: Path) -> None:
    files = ResolvFiles(tmp_path / "resolv", tmp_path / "none")
    files.given("t1", blueprint())
    assert (files.root / "t1").read_text() == f"nameserver {LEG}\noptions ndots:0\n"


def test_where_it_can_not_be_written_the_engine_s_file_stays(tmp_path: Path) -> None:
    files = ResolvFiles(tmp_path / "resolv")
    files.root.write_text("in the way")
    assert files.given("t1", blueprint()) == blueprint()


@pytest.mark.engine
def test_files_lie_on_a_tmpfs_of_their_own_of_bounded_size(tmp_path: Path) -> None:
    files = ResolvFiles(tmp_path / "resolv")
    files.prepare()
    try:
        files.prepare()
        mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if f" {files.root} " in line]
        assert [line.split()[2] for line in mounts] == ["tmpfs"]
        assert os.statvfs(files.root).f_blocks * os.statvfs(files.root).f_frsize == 64 << 20
        (files.root / "t0").write_bytes(b"x" * (64 << 20))
        assert files.given("t1", blueprint()) == blueprint()
    finally:
        run("umount", str(files.root))
