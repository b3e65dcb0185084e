"""Memory that the process has asked the kernel for and uses no more."""

from __future__ import annotations

import ctypes

_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""glibc's: other libraries keep little, and have no such call."""


def give_back() -> None:
    """Return the free pages between what the C library's allocator has handed out."""
    if _trim is not None:
        _trim(0)
