"""skerryd killed again and again, then both processes upgraded: nobody notices."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from demo.settings import CHECKOUT

pytestmark = [pytest.mark.engine, pytest.mark.timeout(200)]


def test_the_short_form() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "proof.handover", "--seconds", "5"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=700,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.strip().splitlines()[-1]
    assert re.fullmatch(
        r"handover: seconds=5 kills=[1-9]\d* upgrades=2 requests=\d+ names=\d+ failed=0", last
    )
