"""A JSON object that is taken apart field by field, and knows what nobody took."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from skerry.model.objects import Raw


class SpecReader:
    """A copy of an object; `take` removes what it returns."""

    def __init__(self, raw: Raw) -> None:
        self._left = dict(raw)
        self._inner: dict[str, SpecReader] = {}
        self._lost: list[str] = []

    def take(self, name: str, default: Any = None) -> Any:
        """A field, or `default`."""
        return self._left.pop(name, default)

    def inner(self, name: str) -> SpecReader:
        """An object within, empty where it is absent; the same one each time."""
        if name not in self._inner:
            self._inner[name] = SpecReader(self._left.pop(name, None) or {})
        return self._inner[name]

    def lose(self, what: str) -> None:
        """Something that was taken, but could not be used."""
        self._lost.append(what)

    def left(self, path: str = "") -> Iterator[str]:
        """Paths of what was not taken, e.g. `TaskTemplate.ContainerSpec.Groups`."""
        yield from (f"{path}{name}" for name in self._left)
        yield from (f"{path}{what}" for what in self._lost)
        for name, inner in self._inner.items():
            yield from inner.left(f"{path}{name}.")
