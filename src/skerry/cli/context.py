"""The docker context `skerry` and the plugin `docker skerry`: what the docker CLI knows of an instance.

The context is made by the docker CLI itself; without that CLI there is nobody to need it.
"""

from __future__ import annotations

import shutil
import subprocess

from skerry.cli import plugin
from skerry.model.settings import DEFAULT_NAME, Settings


def create_context(settings: Settings) -> None:
    """Make or update the context named after the instance; with the one of the usual name, the plugin."""
    if settings.name == DEFAULT_NAME and shutil.which("docker") is not None:
        plugin.install()
    host = f"host=unix://{settings.api_socket}"
    words = ("--description", "skerry: Swarm mode for one server", "--docker", host, settings.name)
    if _docker("context", "inspect", settings.name):
        _docker("context", "update", *words)
    else:
        _docker("context", "create", *words)


def remove_context(settings: Settings) -> None:
    """Remove the context again, and the plugin with the instance of the usual name."""
    if settings.name == DEFAULT_NAME:
        plugin.remove()
    _docker("context", "rm", "--force", settings.name)


def _docker(*words: str) -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, *words], capture_output=True, check=False).returncode == 0
