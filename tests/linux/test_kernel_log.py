"""Which container the kernel killed for its memory, in the kernel's own words."""

from __future__ import annotations

import pytest

from skerry.linux.kernel_log import killed_for_memory, tells_of

BOX, OTHER = "ba4a" * 16, "0c1d" * 16
KILL = (
    "6,1204,28364245550,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset={box},mems_allowed=0,"
)
END = "task=sh,pid=18166,uid=0\n"
OF_V1 = f"{KILL}oom_memcg=/docker/{{box}},task_memcg=/docker/{{box}},{END}"
OF_V2 = (
    f"{KILL}oom_memcg=/system.slice/docker-{{box}}.scope,task_memcg=/system.slice/docker-{{box}}.scope,{END}"
)
INSIDE = f"{KILL}oom_memcg=/docker/{{box}}/inner,task_memcg=/docker/{{box}}/inner,{END}".replace(
    "cpuset={box}", "cpuset=inner"
)


@pytest.mark.parametrize("record", [OF_V1, OF_V2, INSIDE])
def test_a_kill_tells_of_its_container_and_of_no_other(record: str) -> None:
    records = ["6,1,1,-;Linux version\n", record.format(box=BOX)]
    assert tells_of(BOX, records)
    assert not tells_of(OTHER, records)
    assert not tells_of(BOX[:12], records)


def test_other_words_about_a_container_are_no_kill() -> None:
    assert not tells_of(BOX, [f"4,7,7,-;memory: usage 24576kB of /docker/{BOX}\n"])


def test_nobody_was_killed_that_the_kernel_does_not_know() -> None:
    assert not killed_for_memory("f" * 64)
