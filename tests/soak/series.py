"""What was measured again and again, and how much of it has grown."""

from __future__ import annotations

import json
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

from tests.soak.measure import Measure, least

SPAN = 0.1
"""The share of the samples that is looked at after it is warm, and at the end."""


@dataclass(frozen=True)
class Series:
    """Measures, each with the seconds since the begin; the first `warm` of them were taken before caches of a
    bounded size, and the history, were full."""

    minutes: float
    tasks: int
    updates: int
    warm: int
    samples: list[tuple[float, Measure]]

    def values(self, figure: str) -> list[float]:
        """One figure."""
        return [float(getattr(measure, figure)) for _, measure in self.samples]

    @property
    def growths(self) -> dict[str, float]:
        """Of each figure in per cent: what there was at least at the end, beside that once it was warm."""
        measures = [measure for _, measure in self.samples]
        span = max(1, int(len(measures) * SPAN))
        before, after = least(measures[self.warm : self.warm + span]), least(measures[-span:])
        pairs = zip(astuple(before), astuple(after), strict=True)
        return {field.name: _grown(*pair) for field, pair in zip(fields(Measure), pairs, strict=True)}

    @property
    def line(self) -> str:
        """The greatest growth."""
        return f"soak: minutes={self.minutes:g} growth_pct={max(0.0, *self.growths.values()):.1f}"

    def table(self) -> list[str]:
        """A line for each figure."""
        found = []
        for figure, growth in self.growths.items():
            values = self.values(figure)
            warm = values[self.warm]
            shown = f"begin {values[0]:.0f}, warm {warm:.0f}, end {values[-1]:.0f}, most {max(values):.0f}"
            found.append(f"{figure}: {shown}, growth {growth:+.1f} %")
        return found

    def write(self, path: Path) -> None:
        """Keep it."""
        samples = [{"s": round(at, 1), **asdict(measure)} for at, measure in self.samples]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps(
                {
                    "minutes": self.minutes,
                    "tasks": self.tasks,
                    "updates": self.updates,
                    "warm": self.warm,
                    "samples": samples,
                }
            )
        )


def _grown(before: int, after: int) -> float:
    return 100 * (after - before) / max(before, 1)
