"""What happened, for whoever reads a failing seed: virtual seconds, who, what."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog

from skerry.model.objects import Task
from skerry.store.store import Change

LENGTH = 60
LONG_ID = re.compile(r"\b([0-9a-z]{6})[0-9a-z]{19}\b")


class Violation(AssertionError):
    """Something that must always hold did not: which, in its own words, and what was seen instead."""

    def __init__(self, invariant: Callable[..., Any] | str, seen: str) -> None:
        if callable(invariant):
            words = " ".join((invariant.__doc__ or "").split())
            invariant = f"{invariant.__name__}: {words}"
        super().__init__(f"{invariant}\n    but: {shortened(seen)}")


class Story:
    """The last things that happened. Lines are put together only when somebody wants to read them."""

    def __init__(self, now: Callable[[], int], length: int = 600) -> None:
        self._now = now
        self._lines: deque[tuple[int, str, Any]] = deque(maxlen=length)

    def tell(self, who: str, what: Any) -> None:
        """Add a line; `what` is text, or a value that `_words` knows how to say."""
        self._lines.append((self._now(), who, what))

    def heard(self, logger: Any, method: str, event: Any) -> str:
        """A structlog processor: what skerry logs is part of the story."""
        self._lines.append((self._now(), "log", event))
        raise structlog.DropEvent

    def last(self, count: int = LENGTH) -> str:
        """The end of the story."""
        lines = [(at, who, words) for at, who, what in self._lines for words in _words(what)]
        return "\n".join(
            f"{at / 1e9:10.3f}  {who:<12} {shortened(words)}" for at, who, words in lines[-count:]
        )


def shortened(text: str) -> str:
    """IDs by their first characters."""
    return LONG_ID.sub(r"\1", text)


def _words(what: Any) -> list[str]:
    if isinstance(what, tuple):
        return [words for change in what if (words := _change(change))]
    if isinstance(what, dict):
        rest = " ".join(f"{key}={value}" for key, value in what.items() if key not in ("event", "exc_info"))
        return [f"{what.get('event')} {rest}".rstrip()]
    return [str(what)]


def _change(change: Change) -> str:
    old, new = change.old, change.new
    name = f"{type(change.object).__name__.lower()} {getattr(change.object, 'name', change.object.id)}"
    if new is None:
        return f"{name} deleted"
    if isinstance(new, Task):
        state = f"{new.status.state.word}/{new.desired.word}" + (
            f" {new.status.err!r}" if new.status.err else ""
        )
        after = f" after {new.follows}" if new.follows and old is None else ""
        return f"{name} {'made: ' if old is None else ''}{state}{after}"
    update = getattr(new, "update", None)
    return f"{name} written" + (f" ({update.state})" if update else "")
