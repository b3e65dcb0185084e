"""Memory that the process has asked the kernel for and uses no more."""

from __future__ import annotations

import ctypes

_libc = ctypes.CDLL(None)
_trim, _mallopt = (getattr(_libc, name, None) for name in ("malloc_trim", "mallopt"))
"""glibc's: other libraries keep little, and have no such calls."""
M_ARENA_MAX = -8


def share_one_heap() -> None:
    """Have all threads to come allocate from one heap: each would keep one of its own, with holes of its own.
    They hardly ever do it at the same time, as Python lets one of them run."""
    if _mallopt is not None:
        _mallopt(M_ARENA_MAX, 1)


def give_back() -> None:
    """Return the free pages between what the C library's allocator has handed out."""
    if _trim is not None:
        _trim(0)
