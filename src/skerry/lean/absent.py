"""A module that is not to be had for a while: whoever can do without it imports the rest."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def absent(module: str) -> Iterator[None]:
    """Whoever imports it meanwhile gets an ImportError; what is loaded already stays."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # as the import system marks what is not there
    try:
        yield
    finally:
        del sys.modules[module]
