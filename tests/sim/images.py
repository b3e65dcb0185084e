"""The images of the simulated engine: those of odd numbers have a health check."""

from __future__ import annotations

from typing import Any

from tests.sim.loop import SECOND

COUNT = 6
CHECK = {"Test": ["CMD", "true"], "Interval": 5 * SECOND, "Retries": 3}


def _image(number: int) -> dict[str, Any]:
    return {"Id": f"sha256:{number}", "Config": {"Healthcheck": CHECK} if number % 2 else {}}


IMAGES = {f"app:{number}": _image(number) for number in range(COUNT)}
