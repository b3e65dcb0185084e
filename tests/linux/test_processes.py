"""What a process does about itself."""

from __future__ import annotations

import subprocess
import sys

ASK = "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True)"  # PR_GET_DUMPABLE
REFUSE = f"""
import subprocess, sys
from skerry.linux.processes import refuse_core_dumps
refuse_core_dumps()
{ASK}
subprocess.run([sys.executable, "-c", {ASK!r}], check=True)
"""


def test_a_process_leaves_no_core_and_what_it_executes_may() -> None:
    done = subprocess.run([sys.executable, "-c", REFUSE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "1"]
