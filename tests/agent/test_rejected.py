"""Whatever goes wrong on the way up of one task ends that task with the reason, and nothing else."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from skerry.model.files import Config
from skerry.model.objects import Raw
from skerry.model.states import TaskState
from skerry.store.errors import StateError
from skerry.store.store import Change
from tests.agent.stage import stage
from tests.engine.fake import FakeEngine

NAME = "web.1.t1"


def config(text: str = "", **file: Any) -> Raw:
    """A container with a config; `text` is its template."""
    target = {"Name": "c", "UID": "0", "GID": "0", "Mode": 0o444, **file}
    return {"Configs": [{"ConfigID": "c1", "ConfigName": "c", "File": target}]}


CONTAINERS: list[tuple[Raw, str]] = [
    (config(UID="²"), 'strconv.Atoi: parsing "²": invalid syntax'),
    (config(UID="٣"), 'strconv.Atoi: parsing "٣": invalid syntax'),
    (config(UID=""), 'strconv.Atoi: parsing "": invalid syntax'),
    (config(UID=" 5"), 'strconv.Atoi: parsing " 5": invalid syntax'),
    (config(GID="1_0"), 'strconv.Atoi: parsing "1_0": invalid syntax'),
    (config(UID="9" * 5_000), f'strconv.Atoi: parsing "{"9" * 5_000}": value out of range'),
    (config(UID=str(2**40)), "owner 1099511627776 of a file is not between 0 and 4294967294"),
    (config(UID=str(2**32)), "owner 4294967296 of a file"),
    (config(UID=str(2**32 - 1)), "owner 4294967295 of a file"),
    (config(GID="-1"), "owner -1 of a file"),
    ({"Env": ["A={{" + "(" * 3_000 + "}}"]}, "exceeded maximum template depth"),
    ({"Hostname": '{{printf "%9999999s%9999999s" 1 2}}'}, "expanding hostname failed: "),
    ({"Privileges": {"Seccomp": {"Mode": "custom", "Profile": "abc"}}}, "Error: "),
    ({"Privileges": {"Seccomp": 5}}, "the stored spec can't be read: Expected "),
    ({"Privileges": {"AppArmor": "x"}}, "the stored spec can't be read: Expected "),
    ({"Mounts": ["x"]}, "the stored spec can't be read: Expected "),
    ({"Hosts": [5]}, "Expected `str`, got `int`"),
    ({"Env": "x"}, "the stored spec can't be read: Expected "),
]

TEMPLATES = [
    ("{{" + "(" * 3_000 + "1" + ")" * 3_000 + "}}", "exceeded maximum template depth (100)"),
    ('{{range 1000000000}}{{printf "%1000000s" "x"}}{{end}}', "it makes more than 16 MiB of text"),
    ("{{range 1000000000}}{{end}}", "it takes more than 50000 steps"),
    ("{{.Nope}}", "can't evaluate field Nope in type *template.PayloadContext"),
    ('{{secret "s"}}', "error calling secret: secret target s not found"),
    ("{{env}}", "wrong number of args for env: want 1 got 0"),
]


def rejected(container: Raw, text: str, words: str) -> None:
    """Play a task to its end: REJECTED with these words, and its neighbour runs."""

    async def play() -> None:
        async with stage() as here:
            await here.put(Config("c1", "c", {"Templating": {"Name": "golang"}}, text.encode()))
            await here.task(**container)
            await here.task("t2")
            status = await here.until_state(TaskState.REJECTED, within_s=50)
            assert words in status.err
            await here.until_state(TaskState.RUNNING, "t2", within_s=50)

    asyncio.run(play())


@pytest.mark.case("C6")
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("container", "words"), CONTAINERS, ids=[words[:40] for _, words in CONTAINERS])
def test_a_container_that_cannot_be_made(container: Raw, words: str) -> None:
    rejected(container, "plain", words)


@pytest.mark.case("C6")
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("text", "words"), TEMPLATES, ids=[words for _, words in TEMPLATES])
def test_a_config_that_cannot_be_filled(text: str, words: str) -> None:
    rejected(config(), text, words)


@pytest.mark.case("C6")
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text", ['{{printf "%c" 99999999999}}', '{{printf "%1500000000s" "x"}}', '{{env "A"}}{{env "A"}}' * 400]
)
async def test_a_config_that_is_only_odd_is_given(text: str) -> None:
    async with stage() as here:
        await here.put(Config("c1", "c", {"Templating": {"Name": "golang"}}, text.encode()))
        await here.task(**config(), Env=["A={{.Task.Slot}}"] * 200)
        await here.until_state(TaskState.RUNNING, within_s=50)


@pytest.mark.case("C6")
@pytest.mark.timeout(60)
async def test_what_nobody_foresaw_in_a_start_fails_the_task_and_leaves_no_container_running() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        fake.images["box:1"] = {"Id": "sha256:box", "Config": {"Healthcheck": 5}}
        await here.task()
        status = await here.until_state(TaskState.FAILED, within_s=50)
        assert "Error: " in status.err
        assert not fake.boxes[NAME].running


@pytest.mark.case("C6")
@pytest.mark.timeout(60)
async def test_a_disk_that_is_full_is_no_fault_of_the_task() -> None:
    async with stage() as here:
        written = here.memory.write
        writes = itertools.count()

        def full(index: int, changes: tuple[Change, ...]) -> None:
            if 1 <= next(writes) <= 3:  # the row itself, and then none of what is reported of it
                raise StateError("the state in /x can't be written: database or disk is full")
            written(index, changes)

        here.memory.write = full  # type: ignore[method-assign]
        await here.task()
        await here.until_state(TaskState.RUNNING, within_s=50)
        assert "rejected" not in here.observed()
