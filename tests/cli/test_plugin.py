"""`docker skerry`: the docker CLI knows the plugin, and it is the same command."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from skerry.cli import plugin


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The docker CLI's folder, with the plugin in it."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    plugin.install()
    plugin.install()  # over what is there
    return tmp_path


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_docker_lists_it(config: Path) -> None:
    assert "skerry*" in docker("--help")


def test_it_is_the_same_command(config: Path) -> None:
    said = docker("skerry", "deploy", "--help")
    assert said.startswith("Usage: docker skerry deploy [OPTIONS]")


def test_it_goes_again(config: Path) -> None:
    plugin.remove()
    plugin.remove()
    assert list((config / "cli-plugins").iterdir()) == []
