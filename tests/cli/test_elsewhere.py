"""Commands with --context, by the docker CLI itself: a skerry there, a Docker Engine there, or nobody."""

from __future__ import annotations

import asyncio
import sys

from tests.api.door import Door, Test, front_door, swarmed
from tests.api.test_routes_stacks import FIRST, deployed


def check(test: Test) -> None:
    """Run a test behind a front door; programs are started, which takes its time on a busy machine."""

    async def played() -> None:
        async with asyncio.timeout(120), front_door() as door:
            await test(door)

    asyncio.run(played())


async def said(*words: str) -> tuple[int, str]:
    """A skerry command's exit code and output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "skerry.cli.main",
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


def test_a_skerry_there_is_asked_as_that_of_this_machine() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        await deployed(door, FIRST)
        place = ("--context", f"unix://{door.path}")
        code, text = await said("stop", "shop", *place)
        assert (code, text.splitlines()[-1]) == (0, "shop: stop done")
        code, text = await said("ps", *place)
        assert code == 0
        assert "shop_db: stopped" in text

    check(test)


def test_what_is_no_skerry_is_told_by_a_sentence() -> None:
    async def test(door: Door) -> None:
        engine = door.real.socket
        code, text = await said("ps", "--context", f"unix://{engine}")
        assert code == 1
        assert text.startswith(f"Error: unix://{engine} is Docker ")
        assert f"There, docker --host unix://{engine} stack deploy takes the file that skerry export" in text

    check(test)


def test_where_nobody_is_the_docker_cli_says_why() -> None:
    async def test(door: Door) -> None:
        code, text = await said("ps", "--context", f"unix://{door.path}.gone")
        assert code == 1
        assert "no such file or directory" in text
        code, text = await said("ps", "--context", "no-such-context")
        assert code == 1
        assert "no-such-context is neither a docker context nor a host" in text

    check(test)
