"""A log is bounded, quiet about what repeats, and no reason for anything to end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from skerry.logs import LIMIT, LogStream, Repetitions, keep_within_bounds

pytestmark = pytest.mark.case("C13")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A log file, and a descriptor that appends to it."""
    path = tmp_path / "skerryd.log"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    yield path, descriptor
    os.close(descriptor)


def test_a_file_that_is_full_is_begun_anew_and_the_one_before_kept(log: tuple[Path, int]) -> None:
    path, descriptor = log
    stream = LogStream(path, 1000, descriptor)
    for number in range(100):
        stream.write(f"{number:099}\n")
    former = path.with_name("skerryd.log.1")
    lines = [*former.read_text().splitlines(), *path.read_text().splitlines()]
    assert [int(line) for line in lines] == list(range(80, 100))
    assert (path.stat().st_size, former.stat().st_size) == (1000, 1000)
    assert {file.stat().st_mode & 0o777 for file in (path, former)} == {0o640}
    assert sorted(file.name for file in path.parent.iterdir()) == ["skerryd.log", "skerryd.log.1"]


def test_two_processes_may_write_one_log(log: tuple[Path, int]) -> None:
    """A gate that was replaced lingers, and writes to the log of its successor."""
    path, descriptor = log
    other = os.open(path, os.O_WRONLY | os.O_APPEND)
    streams = [LogStream(path, 1000, descriptor), LogStream(path, 1000, other)]
    for number in range(200):
        streams[number % 2].write(f"{number:099}\n")
    os.close(other)
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["skerryd.log", "skerryd.log.1"]
    assert sum(file.stat().st_size for file in files) <= 3000
    assert path.read_text().splitlines()[-1].endswith("199")


def test_what_is_not_ours_is_left_as_it_is(tmp_path: Path, log: tuple[Path, int]) -> None:
    path, descriptor = log
    stream = LogStream(tmp_path / "another.log", 10, descriptor)
    for _ in range(10):
        stream.write("a line of somebody else's\n")
    assert path.stat().st_mode & 0o777 == 0o644
    assert len(path.read_text().splitlines()) == 10
    reader, writer = os.pipe()
    piped = LogStream(path, 10, writer)
    piped.write("x" * 100)
    assert os.read(reader, 1000) == b"x" * 100
    os.close(reader)
    assert piped.write("nobody reads this") == 17
    os.close(writer)


def test_a_disk_that_takes_no_line_loses_lines_and_nothing_else() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    assert LogStream(None, 10, full).write("lost") == 4
    os.close(full)


def test_another_programs_log_is_emptied_under_it(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    with path.open("ab", buffering=0) as program:
        for _ in range(25):
            program.write(b"x" * 99 + b"\n")
            keep_within_bounds(path, 1000)
    assert path.stat().st_size == 500
    assert path.with_name("engine.log.1").stat().st_size == 1000
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o640}
    keep_within_bounds(tmp_path / "none.log")


def test_what_repeats_is_counted() -> None:
    now = [0.0]
    repetitions = Repetitions(lambda: now[0])

    def said(method: str, **entry: object) -> dict[str, object] | None:
        try:
            return dict(repetitions(None, method, dict(entry)))
        except structlog.DropEvent:
            return None

    assert said("warning", event="no", task="a", again_in_s=1) == {
        "event": "no",
        "task": "a",
        "again_in_s": 1,
    }
    assert said("warning", event="no", task="b")
    for second in range(1, 60):
        now[0] = second
        assert said("warning", event="no", task="a", again_in_s=second, exc_info=ValueError()) is None
        assert said("info", event="no", task="a")
    now[0] = 61
    assert said("warning", event="no", task="a") == {"event": "no", "task": "a", "repeated": 59}
    now[0] = 200
    assert said("warning", event="no", task="a") == {"event": "no", "task": "a"}
    for number in range(5000):
        said("error", event="no", number=number)
    assert len(repetitions._seen) <= 1000


def test_a_process_logs_to_its_own_file(tmp_path: Path) -> None:
    """As it is started in the background: standard error is the file."""
    path = tmp_path / "skerryd.log"
    path.write_bytes(b"x" * LIMIT)
    program = (
        "import sys, logging, structlog; from pathlib import Path; from skerry.logs import log_to_stderr; "
        "log_to_stderr(Path(sys.argv[1])); structlog.get_logger().warning('a word', of='ours'); "
        "logging.getLogger('asyncio').error('of the library'); raise SystemExit('Error: the end')"
    )
    with path.open("ab") as file:
        done = subprocess.run([sys.executable, "-c", program, str(path)], stderr=file, check=False)
    assert done.returncode == 1
    first, second, last = path.read_text().splitlines()
    assert first.endswith("[warning] a word of=ours")
    assert second.endswith("[asyncio] of the library")
    assert last == "Error: the end"
    assert path.with_name("skerryd.log.1").stat().st_size == LIMIT
