"""Processes load nothing that they have no use for: those that stay, and those that shall be over soon."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

LOADED = "import {module}, sys; print(*({unused} & set(sys.modules)))"
UNUSED = {
    "bz2",
    "click",
    "frozenlist._frozenlist",
    "importlib.metadata",
    "lzma",
    "multiprocessing",
    "pyrage",
    "rich",
    "ssl",
    "tarfile",
    "yaml",
}
OF_THE_DAEMON = {
    "aiohttp",
    "cryptography",
    "dns.query",
    "email",
    "http.client",
    "sqlite3",
    "typing_extensions",
    "zipfile",
}
LATER = """
import skerry.daemon, asyncio, aiohttp, hashlib, ssl
print(ssl.create_default_context().minimum_version > 0, hashlib.sha256(b"").hexdigest()[:8])
"""
"""ssl is loaded once somebody is to be served with TLS."""


def _said(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("module", "unused"), [("skerry.daemon", UNUSED), ("skerry.gate.__main__", UNUSED | OF_THE_DAEMON)]
)
def test_what_is_not_loaded(module: str, unused: set[str]) -> None:
    assert _said(LOADED.format(module=module, unused=unused)) == ""


@pytest.mark.parametrize("module", ["skerry.cli.main", "skerry.cli.deploy.deploying"])
def test_a_command_that_shows_no_table_and_waits_for_nothing_is_over_soon(module: str) -> None:
    unused = {"asyncio", "rich", "skerry.model.shapes"}
    assert _said(LOADED.format(module=module, unused=unused)) == ""


@pytest.mark.skipif(
    not any(map(find_spec, ("_sha2", "_sha256"))), reason="this Python has no hashes of its own"
)
@pytest.mark.parametrize("module", ["skerry.daemon", "skerry.gate.__main__"])
def test_no_openssl_comes_with_hashlib(module: str) -> None:
    assert _said(LOADED.format(module=module, unused={"_hashlib"})) == ""


def test_what_was_kept_out_can_be_had_later() -> None:
    assert _said(LATER) == "True e3b0c442"
