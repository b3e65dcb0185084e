"""Building what a file says how to build: Compose does it, by the engine behind skerry's API."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from skerry.cli.compose.program import ComposeProgram
from skerry.cli.compose.project import ProjectRequest


class BuildFailed(Exception):
    """An image can't be built; the message is a sentence, what was said by the builder stands above it."""


def build(
    compose: ComposeProgram, request: ProjectRequest, services: Sequence[str], socket: str, *, quiet: bool
) -> None:
    """Build the images of these services. Raises BuildFailed.

    With BuildKit, where the docker CLI has its plugin for it; else by the engine's own builder.
    """
    words = [compose.path, *request.words(), "build", *(["--quiet"] if quiet else []), *services]
    done = subprocess.run(
        words,
        input=request.standard_input,
        stdout=sys.stderr,
        text=True,
        check=False,
        env=_environment(socket),
    )
    if done.returncode:
        names = ", ".join(services)
        raise BuildFailed(f"service {names}: build: it failed, as said above; nothing was deployed")


def _environment(socket: str) -> dict[str, str]:
    unwanted = ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    kit = {} if _has_buildx() else {"DOCKER_BUILDKIT": "0"}
    return {**kept, "DOCKER_HOST": f"unix://{socket}", **kit}


def _has_buildx() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "buildx", "version"], capture_output=True, check=False).returncode == 0
