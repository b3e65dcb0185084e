"""How much one filling of templates may cost: a mistake or an ill will in one of them stops nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from skerry.model.go.values import TemplateError

MOST_STEPS = 50_000
MOST_TEXT = 16 << 20
DEEPEST = 100
"""Parentheses, blocks and templates in each other. Go's own bound is higher, and its stack is on the heap."""


class Budget:
    """What is left of steps and text. All templates of one task, or of one spec, draw on the same."""

    def __init__(self, steps: int = MOST_STEPS, text: int = MOST_TEXT) -> None:
        self._steps = steps
        self._text = text
        self._depth = 0

    def step(self) -> None:
        """One thing more was read or computed."""
        self._steps -= 1
        if self._steps < 0:
            raise TemplateError(f"template: expansion: it takes more than {MOST_STEPS} steps")

    def make(self, characters: int) -> None:
        """So much text is made."""
        self._text -= characters
        if self._text < 0:
            raise TemplateError(f"template: expansion: it makes more than {MOST_TEXT >> 20} MiB of text")

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """One thing inside another."""
        self._depth += 1
        try:
            if self._depth > DEEPEST:
                raise TemplateError(f"template: expansion: exceeded maximum template depth ({DEEPEST})")
            yield
        finally:
            self._depth -= 1
