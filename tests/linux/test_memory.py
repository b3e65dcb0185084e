"""Free memory goes back to the kernel."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

HOLES = """
from pathlib import Path
from skerry.linux.memory import give_back

def resident():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines()
                if line.startswith("RssAnon:"))

blocks = [bytearray(20_000) for _ in range(2_000)]
full = resident()
blocks[:-1] = []  # the last one lies above the hole, so the heap does not shrink by itself
holey = resident()
give_back()
print(full, holey, resident())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library has no such call")
def test_holes_in_the_heap_go_back() -> None:
    done = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)
    full, holey, given_back = map(int, done.stdout.split())
    assert full - holey < 10_000, "else there was nothing to give back"
    assert holey - given_back > 30_000
