"""Threads that go into a network namespace come back, whatever happens there."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skerry.linux import netns

pytestmark = [pytest.mark.engine, pytest.mark.timeout(60)]


@pytest.fixture
def there() -> Iterator[Path]:
    """A namespace that is not the test's own."""
    name = f"skerry-ns-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield netns.RUN_NETNS / name
    subprocess.run(["ip", "netns", "del", name], check=True)


@pytest.fixture
def in_a_thread() -> Iterator[Callable[[Callable[[], object]], object]]:
    """Runs something in one and the same thread each time."""
    with ThreadPoolExecutor(1) as thread:
        yield lambda work: thread.submit(work).result()


def here() -> int | None:
    """The namespace of the calling thread."""
    return netns.inode(netns.HERE)


def test_who_goes_there_comes_back(
    there: Path, in_a_thread: Callable[[Callable[[], object]], object]
) -> None:
    assert in_a_thread(lambda: netns.inside(there, here)) == netns.inode(there)
    assert in_a_thread(here) == netns.inode(netns.OWN)


def test_who_goes_on_from_there_comes_back_to_there(
    there: Path, in_a_thread: Callable[[Callable[[], object]], object]
) -> None:
    def farther() -> tuple[object, object]:
        return netns.inside(netns.OWN, here), here()

    own = netns.inode(netns.OWN)
    assert in_a_thread(lambda: netns.inside(there, farther)) == (own, netns.inode(there))
    assert in_a_thread(here) == own


def test_the_first_thread_never_leaves(there: Path) -> None:
    def both() -> tuple[int | None, int | None]:
        return here(), netns.inode(netns.OWN)

    own = here()
    assert netns.inside(there, both) == (netns.inode(there), own)


def test_work_that_fails_and_a_place_that_is_gone_are_told(
    there: Path, in_a_thread: Callable[[Callable[[], object]], object]
) -> None:
    def fail() -> None:
        raise KeyError("work")

    with pytest.raises(KeyError, match="work"):
        in_a_thread(lambda: netns.inside(there, fail))
    with pytest.raises(FileNotFoundError):
        in_a_thread(lambda: netns.inside(there.with_name("skerry-gone"), here))
    assert in_a_thread(here) == netns.inode(netns.OWN)


@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_thread_without_descriptors_left_comes_back(
    there: Path, in_a_thread: Callable[[Callable[[], object]], object], left: int
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def short_of_descriptors() -> int | None:
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + left, hard))
        try:
            return netns.inside(there, lambda: None)
        except OSError as error:
            return error.errno
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert in_a_thread(short_of_descriptors) == (None if left == 2 else errno.EMFILE)
    assert in_a_thread(here) == netns.inode(netns.OWN)
