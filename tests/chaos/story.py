"""Which faults come when: by chance, and the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.cases.faults.fault import Fault, Span
from tests.cases.faults.kinds import spanning

PAUSES_S = {Span.SUDDEN: (0.2, 5.0), Span.LASTING: (1.0, 6.0)}
"""How long nothing is done before the next fault of a span, at least and at most."""


class Story:
    """One for each seed; of all faults, or of those whose names have one of the words."""

    def __init__(self, seed: int, words: str = "") -> None:
        self.seed = seed
        self._words = words

    def of(self, span: Span) -> Iterator[tuple[float, Fault]]:
        """The pauses (s) and faults of a span, without an end. Each fault comes before one comes again."""
        chance = random.Random(f"{self.seed} {span.name}")
        faults = spanning(span, self._words)
        while faults:
            chance.shuffle(faults)
            for fault in faults:
                yield chance.uniform(*PAUSES_S[span]), fault
