"""The proof's short form: rollouts and faults under every kind of client, nothing fails."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from demo.settings import CHECKOUT

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]


def test_the_short_form() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "proof", "--short"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"proof: cells=\d+ requests=\d+ failed=0 explained=0 reconnects=\d+", last)
