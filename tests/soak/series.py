"""What was measured again and again, and how much of it has grown."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tests.soak.measure import Measure

WARM = 0.25
"""The share of the time in which caches of a bounded size, and the history, become full."""
SPAN = 0.1
"""The share of the time that is looked at after that, and at the end."""


@dataclass(frozen=True)
class Series:
    """Measures, each with the seconds since the begin."""

    minutes: float
    tasks: int
    updates: int
    samples: list[tuple[float, Measure]]

    def values(self, figure: str) -> list[float]:
        """One figure."""
        return [float(getattr(measure, figure)) for _, measure in self.samples]

    def growth(self, figure: str) -> float:
        """In per cent: the median at the end, beside that after the first quarter."""
        values = self.values(figure)
        warm, span = int(len(values) * WARM), max(1, int(len(values) * SPAN))
        before, after = statistics.median(values[warm : warm + span]), statistics.median(values[-span:])
        return 100 * (after - before) / max(before, 1.0)

    @property
    def growths(self) -> dict[str, float]:
        """Of each figure."""
        return {field.name: self.growth(field.name) for field in fields(Measure)}

    @property
    def line(self) -> str:
        """The greatest growth."""
        return f"soak: minutes={self.minutes:g} growth_pct={max(0.0, *self.growths.values()):.1f}"

    def table(self) -> list[str]:
        """A line for each figure."""
        found = []
        for figure, growth in self.growths.items():
            values = self.values(figure)
            warm = values[int(len(values) * WARM)]
            shown = f"begin {values[0]:.0f}, warm {warm:.0f}, end {values[-1]:.0f}, most {max(values):.0f}"
            found.append(f"{figure}: {shown}, growth {growth:+.1f} %")
        return found

    def write(self, path: Path) -> None:
        """Keep it."""
        samples = [{"s": round(at, 1), **asdict(measure)} for at, measure in self.samples]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps(
                {"minutes": self.minutes, "tasks": self.tasks, "updates": self.updates, "samples": samples}
            )
        )
