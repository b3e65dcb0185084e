"""A clock on the wall of a world's own, by libfaketime: what is started with it follows a file."""

from __future__ import annotations

from pathlib import Path

LIBRARIES = "lib/*/faketime/libfaketimeMT.so.1"


def follows(file: Path) -> dict[str, str]:
    """The environment of processes whose clock is as far ahead as the file says. What does not ask the C
    library, such as programs in Go, goes by the machine's."""
    library = next(Path("/usr").glob(LIBRARIES), None)
    assert library is not None, "libfaketime is missing: apt-get install libfaketime"
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


def sweep() -> None:
    """Remove what the library shares between a process and its children, of processes that were killed."""
    for path in Path("/dev/shm").glob("*faketime_s*_*"):
        if not Path("/proc", path.name.rpartition("_")[2]).exists():
            path.unlink(missing_ok=True)


def set_ahead(file: Path, seconds: int) -> None:
    """From a second from now on at the latest, the clock is so far ahead of the machine's."""
    unfinished = file.with_suffix(".new")
    unfinished.write_text(f"{seconds:+d}\n")
    unfinished.rename(file)
