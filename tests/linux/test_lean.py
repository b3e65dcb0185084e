"""Processes load nothing that they have no use for: those that stay, and those that shall be over soon."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

LOADED = "import {module}, sys; print(*sorted({{{names}}} & set(sys.modules)))"
TRUSTED = """
import skerry.daemon, gc, ssl
contexts = [found for found in gc.get_objects() if isinstance(found, ssl.SSLContext)]
print(sum(context.cert_store_stats()["x509"] for context in contexts))
"""


def _said(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ
    )
    return done.stdout.strip()


@pytest.mark.parametrize(("module", "loaded"), [("skerry.daemon", "ssl"), ("skerry.gate.__main__", "")])
def test_what_is_loaded(module: str, loaded: str) -> None:
    assert _said(LOADED.format(module=module, names="'ssl', 'rich'")) == loaded


@pytest.mark.parametrize("module", ["skerry.cli.main", "skerry.cli.deploy.deploying"])
def test_a_command_that_shows_no_table_and_waits_for_nothing_is_over_soon(module: str) -> None:
    names = "'asyncio', 'rich', 'skerry.model.shapes'"
    assert _said(LOADED.format(module=module, names=names)) == ""


def test_nobody_is_trusted_in_vain() -> None:
    assert _said(TRUSTED) == "0"
