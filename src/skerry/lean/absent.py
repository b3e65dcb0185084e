"""Modules that are not to be had for a while: whoever can do without them imports the rest."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def absent(*modules: str) -> Iterator[None]:
    """Whoever imports one meanwhile gets an ImportError; what is loaded already stays."""
    with _instead(dict.fromkeys(modules)):
        yield


@contextmanager
def hollow(*modules: str) -> Iterator[None]:
    """Whoever imports one meanwhile gets it, with nothing in it; what is loaded already stays."""
    with _instead({module: ModuleType(module) for module in modules}):
        yield


@contextmanager
def _instead(others: dict[str, ModuleType | None]) -> Iterator[None]:
    """None marks, as the import system does it, what is not there."""
    fresh = {name: other for name, other in others.items() if name not in sys.modules}
    sys.modules.update(fresh)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in fresh:
            del sys.modules[name]
