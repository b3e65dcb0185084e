"""Exit codes, sizes, durations and listeners for a person."""

from __future__ import annotations

import re
from collections.abc import Iterable

from skerry.model.defaults import SECOND
from skerry.model.listening import ListeningSocket

SIGNALS = {
    1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
    9: "SIGKILL", 10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
    24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS",
}  # fmt: skip
MEANINGS = {
    4: "an instruction that this CPU does not have",
    6: "it gave up by itself, e.g. after a failed assertion",
    7: "a bad access to memory, e.g. a full /dev/shm",
    8: "a bad division",
    11: "a bad access to memory",
    31: "a system call that its seccomp profile forbids",
}
CODES = {125: "the engine failed to run it", 126: "not executable", 127: "command not found"}
FIRST_OF_SIGNALS = 128
UNITS = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def signal_of(code: int) -> str:
    """The signal that an exit code speaks of, or ""."""
    return SIGNALS.get(code - FIRST_OF_SIGNALS, "")


def exit_words(code: int) -> str:
    """`exit code 137 (SIGKILL)`."""
    meaning = signal_of(code) or CODES.get(code, "")
    return f"exit code {code}" + (f" ({meaning})" if meaning else "")


def size(number: int) -> str:
    """Bytes for a person: `64 MiB`, `1.5 GiB`."""
    for unit, factor in UNITS:
        if number >= factor:
            return f"{number / factor:.1f}".removesuffix(".0") + f" {unit}"
    return f"{number} bytes"


def span(ns: int) -> str:
    """A duration that was measured: `0.04 s`, `3.1 s`, `12 s`, `2 min 5 s`."""
    seconds = max(0, ns) / SECOND
    if seconds >= 120:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    if seconds >= 10:
        return f"{seconds:.0f} s"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds:.2f} s"


def places(listeners: Iterable[ListeningSocket]) -> str:
    """Where something listens: `127.0.0.1:8080`, `3000` for every address."""
    words = []
    for listener in listeners:
        everywhere = listener.address in ("0.0.0.0", "::") and listener.outward
        host = f"[{listener.address}]" if ":" in listener.address else listener.address
        words.append(str(listener.port) if everywhere else f"{host}:{listener.port}")
    return enumerated(tuple(dict.fromkeys(words)))


def enumerated(words: tuple[str, ...]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def quoted(text: str, length: int = 160) -> str:
    """A text between quotation marks, cut to a length."""
    short = text if len(text) <= length else f"{text[: length - 1]}…"
    return f"“{short}”"


def without_prefixes(text: str) -> str:
    """The engine's words without what every one of its errors begins with."""
    return re.sub(
        r"^(starting container failed: |task: |Error response from daemon: |"
        r"failed to create task for container: "
        r"|failed to create shim task: |OCI runtime create failed: |runc create failed: |"
        r"rpc error: code = \w+ "
        r"desc = )+",
        "",
        text,
    )
