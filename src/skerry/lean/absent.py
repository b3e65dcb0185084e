"""A module that is not to be had for a while: whoever can do without it imports the rest."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def absent(module: str) -> Iterator[None]:
    """Whoever imports it meanwhile gets an ImportError; what is loaded already stays."""
    with _in_the_place_of(module, None):
        yield


@contextmanager
def hollow(module: str) -> Iterator[None]:
    """Whoever imports it meanwhile gets it, with nothing in it; what is loaded already stays."""
    with _in_the_place_of(module, ModuleType(module)):
        yield


@contextmanager
def _in_the_place_of(module: str, other: ModuleType | None) -> Iterator[None]:
    if module in sys.modules:
        yield
        return
    sys.modules[module] = other  # type: ignore[assignment]  # None, as the import system marks what is not there
    try:
        yield
    finally:
        del sys.modules[module]
