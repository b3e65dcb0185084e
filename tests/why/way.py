"""One way of failing: how it is made, what is asked about, and what the first sentence must name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.why.stage import Stage

Make = Callable[[Stage], str]
"""Makes it, for real; the name to ask about."""


@dataclass(frozen=True)
class Way:
    """`cause` is an expression that the first sentence must match."""

    name: str
    make: Make
    cause: str
    short: bool = False
    """Whether it belongs to the short form."""

    def names(self, sentence: str) -> bool:
        """Whether a sentence names the true cause."""
        return re.search(self.cause, sentence) is not None


def service(*words: str, command: tuple[str, ...] = (), image: str = "box:1") -> Make:
    """A service of its own, called `way`, that fails by itself."""

    def make(stage: Stage) -> str:
        stage.create("way", *words, command=command, image=image)
        return "way"

    return make


def shell(script: str, *words: str) -> Make:
    """The same, of a script."""
    return service(*words, command=("sh", "-c", script))
