"""A command for which the kernel has another version."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from demo.settings import CHECKOUT
from tests.support.kernel import FAKED

pytestmark = [pytest.mark.engine, pytest.mark.timeout(60)]
by_itself = pytest.mark.skipif(FAKED in os.environ, reason="this run itself has another version")
FAKE = [sys.executable, "-m", "tests.support.kernel", "5.4.0-99-other"]


@pytest.mark.skipif(FAKED not in os.environ, reason="the kernel has its own version")
def test_this_run_has_another_version() -> None:
    assert os.uname().release == os.environ[FAKED]


@by_itself
@pytest.mark.case("A1")
def test_who_asks_the_kernel_gets_another_version_and_all_else_as_it_is() -> None:
    command = [
        *FAKE,
        "unshare",
        "--uts",
        "bash",
        "-c",
        "hostname inner; uname -n; uname -r; uname -m; exit 7",
    ]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["inner", "5.4.0-99-other", os.uname().machine]
    assert done.returncode == 7


@by_itself
@pytest.mark.case("A1")
def test_the_command_is_ended_with_it() -> None:
    command = [*FAKE, "bash", "-c", "echo it runs; exec sleep 600"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "it runs\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) != 0
