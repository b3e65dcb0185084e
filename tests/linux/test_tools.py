"""Commands: what they say, how they end, and that none outlives its deadline or its caller."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from skerry.linux import tools
from skerry.model.errors import NetworkError


def run(*command: str, stdin: str = "") -> tuple[int, str, str]:
    return asyncio.run(tools.run(command, stdin))


def no_descriptor(pid: int, flags: int = 0) -> int:
    raise OSError("a kernel before 5.3")


@pytest.fixture(params=["by a descriptor", "by a thread"], autouse=True)
def _hearing_of_ends(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by a thread":
        monkeypatch.setattr(os, "pidfd_open", no_descriptor)


def test_a_command_reads_writes_and_ends() -> None:
    assert run("sh", "-c", "cat; echo no >&2; exit 3", stdin="yes\n") == (3, "yes\n", "no\n")
    assert run("sh", "-c", "kill -TERM $$") == (-15, "", "")
    assert run("cat") == (0, "", "")
    long = "x" * 1_000_000
    assert run("cat", stdin=long) == (0, long, "")


def test_who_was_started_is_known() -> None:
    _, said, _ = run("sh", "-c", "echo $$")
    assert tools.is_ours(int(said))
    assert not tools.is_ours(1)


def test_a_broken_pipe_ends_a_command_as_it_does_in_a_shell() -> None:
    assert run("bash", "-c", "yes | head -1; echo ${PIPESTATUS[0]}")[1] == f"y\n{128 + 13}\n"


def test_what_is_not_installed_is_said_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NetworkError, match="no-such-thing is not installed"):
        run("no-such-thing")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NetworkError, match="nft is not installed: apt-get install nftables"):
        run("nft", "list", "tables")


def test_what_never_ends_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tools, "DEADLINE_S", 1.0)
    with pytest.raises(NetworkError, match="sh: no answer in 1 s"):
        run("sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 1000")
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_who_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    async def cancelled() -> None:
        running = asyncio.create_task(tools.run(["sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 1000"]))
        async with asyncio.timeout(60):
            while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
                await asyncio.sleep(0.01)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    asyncio.run(cancelled())
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
