"""What is learned of a task while it runs and when it ends, kept with its row: the container goes, its
end can
still be explained."""

from __future__ import annotations

from msgspec import Struct

from skerry.model.listening import ListeningSocket

LINES = 20
"""So many of the last lines of its log are kept."""
LINE_LENGTH = 240
"""Characters that are kept of each of them."""
OUTPUT_LENGTH = 500
"""Characters that are kept of what a probe, the engine or a registry said."""
MOST_LISTENERS = 16


class LastProbe(Struct, frozen=True):
    """The last probe of a task's health check."""

    asked: str
    """What it did: a command, or `GET http://127.0.0.1:8080/`."""
    exit_code: int
    output: str
    took: int
    """Nanoseconds."""
    port: int = 0
    """Of the container itself, as far as the check says it; 0 where it does not."""
    failures: int = 0
    """One after another, this one included."""
    patience: int = 0
    """The age of the container before which no failure counts (ns)."""


class Facts(Struct, frozen=True):
    """What is known of one task beside its status. Bounded: some 6 kB at most."""

    at: int = 0
    """When they were written down (ns)."""
    started_at: int = 0
    """When its container was started (ns); 0 where it never was, or nobody knows."""
    log: tuple[str, ...] = ()
    """The last lines of its log."""
    out_of_memory: bool = False
    """The kernel killed one of its processes, as its memory limit was reached."""
    engine: str = ""
    """The engine's own words about its end."""
    probe: LastProbe | None = None
    listeners: tuple[ListeningSocket, ...] | None = None
    """What listened in its container then; None where nobody could look."""
    pull: str = ""
    """Why its image could not be pulled, in the registry's or the engine's words."""
    platform: str = ""
    """What its image is made for, e.g. `linux/arm64`, where that was in question."""


def bounded(text: str, length: int = OUTPUT_LENGTH) -> str:
    """A text that is cut to a length, on one line, without what would play with a terminal."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= length else f"{line[: length - 1]}…"
