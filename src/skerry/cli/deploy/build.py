"""Building what a file says how to build: Compose does it, by the engine behind skerry's API."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence

from skerry.cli.client import environment
from skerry.cli.compose.program import ComposeProgram
from skerry.cli.compose.project import ProjectRequest
from skerry.model.settings import Settings


class BuildFailed(Exception):
    """An image can't be built; the message is a sentence, what was said by the builder stands above it."""


def build(
    compose: ComposeProgram,
    request: ProjectRequest,
    services: Sequence[str],
    settings: Settings,
    *,
    quiet: bool,
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
        env=_environment(settings),
    )
    if done.returncode:
        names = ", ".join(services)
        raise BuildFailed(f"service {names}: build: it failed, as said above; nothing was deployed")


def _environment(settings: Settings) -> dict[str, str]:
    """Ours, with the engine behind the API that the stack is deployed by."""
    unwanted = ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
    kept = {name: value for name, value in environment().items() if name not in unwanted}
    kit = {} if _has_buildx() else {"DOCKER_BUILDKIT": "0"}
    place = settings.context or f"unix://{settings.api_socket}"
    return {**kept, "DOCKER_HOST" if "://" in place else "DOCKER_CONTEXT": place, **kit}


def _has_buildx() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "buildx", "version"], capture_output=True, check=False).returncode == 0
