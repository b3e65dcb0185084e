"""`skerry user`, `serve` and `audit` at a terminal, over a door with a fake engine behind it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pwd
from pathlib import Path

from click.testing import CliRunner

from skerry.cli.main import main
from skerry.model.settings import Settings
from tests.api.harbour import Harbour, check

ANSWERS: dict[str, object] = {"GET /_ping": b"OK"}


async def run(harbour: Harbour, *words: str) -> tuple[int, str]:
    """A command for the instance of a harbour; its exit code, and what it said."""
    settings = Settings(
        run_dir=str(harbour.folder), data_dir=str(harbour.folder), socket=str(harbour.server.path)
    )
    return await asyncio.to_thread(invoke, settings, *words)


def invoke(settings: Settings, *words: str) -> tuple[int, str]:
    """The same where its lock is held, as a daemon that runs holds it."""
    with Path(settings.pid_file).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(str(os.getpid()))
        file.flush()
        invoked = CliRunner().invoke(main, [*words, *settings.arguments()])
    return invoked.exit_code, invoked.output


def test_a_user_comes_is_listed_and_goes(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        folder = tmp_path / "ci"
        rights = ("--role", "deploy:shop", "--image", "app", "--image", "db:*", "--network", "public")
        code, said = await run(harbour, "user", "add", "ci", *rights, "--out", str(folder))
        assert code == 0, said
        address = f"tcp://127.0.0.1:{harbour.port}"
        assert f"docker --tlsverify --tlscacert {folder}/ca.pem " in said
        assert f"--host {address} version" in said
        assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == dict.fromkeys(
            ("ca.pem", "cert.pem", "key.pem"), 0o600
        )
        code, said = await run(harbour, "user", "ls")
        title, row = said.splitlines()
        assert title.split() == ["NAME", "ROLE", "EXPIRES", "IMAGES", "NETWORKS"]
        assert row.split()[:2] + row.split()[3:] == ["ci", "deploy:shop", "app", "db:*", "public"]
        again = await run(harbour, "user", "add", "ci", *rights, "--out", str(folder))
        assert again == (1, f"Error: {folder} has certificates already: name another directory by --out\n")
        code, said = await run(harbour, "user", "add", "ci", *rights, "--out", str(tmp_path / "again"))
        assert (code, said) == (
            1,
            "Error: user ci exists already; to give another certificate, remove it first\n",
        )
        assert not (tmp_path / "again").exists()
        assert await run(harbour, "user", "rm", "ci") == (0, "ci\n")
        assert await run(harbour, "user", "rm", "ci") == (1, "Error: user ci not found\n")

    check(tmp_path, test, ANSWERS)


def test_a_role_that_is_none_is_said_in_a_sentence(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        for role, why in [
            ("root", 'there is no role "root": it is admin, read or deploy:STACK'),
            ("deploy:shop", "say which images the stack may run, as in --image 'registry.local/shop/*'"),
        ]:
            words = ("user", "add", "x", "--role", role, "--out", str(tmp_path / "x"))
            assert await run(harbour, *words) == (1, f"Error: {why}\n")

    check(tmp_path, test, ANSWERS)


def test_addresses(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        own = f"tcp://127.0.0.1:{harbour.port}"
        code, said = await run(harbour, "serve")
        assert (code, [line.split() for line in said.splitlines()]) == (
            0,
            [["ADDRESS", "NAMES", "ERROR"], [own]],
        )
        code, said = await run(harbour, "serve", own)
        assert (code, said) == (1, f"Error: skerry serves at {own} already\n")
        code, said = await run(harbour, "serve", "--host-name", "api.example.org", own)
        assert code == 0, said
        code, said = await run(harbour, "serve", "tcp://203.0.113.7:2376")
        assert code == 1
        assert said.startswith("Error: tcp://203.0.113.7:2376 can't be served: ")
        code, said = await run(harbour, "serve", "somewhere")
        assert (code, said[:42]) == (1, "Error: somewhere is no address to serve at")
        assert await run(harbour, "serve", "--stop", own) == (0, "")
        assert (await run(harbour, "serve"))[1].splitlines()[1:] == []

    check(tmp_path, test, ANSWERS)


def test_who_did_what(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        await run(harbour, "user", "add", "reader", "--role", "read", "--out", str(tmp_path / "files"))
        user = await harbour.user("ci", "deploy:shop", Images=["app"])
        await harbour.ask(user, "POST", "/containers/create", {"Image": "x"})
        code, said = await run(harbour, "audit")
        first, last = said.splitlines()
        assert code == 0
        assert first.split("  ")[1:] == [
            "201",
            f"{_login()} (pid {os.getpid()})",
            "POST",
            "/skerry/users",
            "name=reader",
        ]
        assert last.split("  ")[1] == "403"
        assert last.endswith("POST  /containers/create  that is not for the role deploy:shop")
        assert (await run(harbour, "audit", "--last", "1"))[1].splitlines() == [last]

    check(tmp_path, test, ANSWERS)


def _login() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def test_without_a_daemon_it_is_said(tmp_path: Path) -> None:
    settings = Settings(run_dir=str(tmp_path), data_dir=str(tmp_path))
    for words in (["user", "ls"], ["serve"], ["audit"]):
        invoked = CliRunner().invoke(main, [*words, *settings.arguments()])
        assert (invoked.exit_code, invoked.output) == (
            3,
            "skerry is not running; start it with: skerry up --detach\n",
        )
