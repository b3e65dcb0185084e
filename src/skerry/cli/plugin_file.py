"""Where the docker CLI of a user finds its plugin `docker skerry`."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

NAME = "skerry"


def install() -> None:
    """Make it known to the docker CLI of this user, whatever was there under its name."""
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m skerry.cli.plugin "$@"\n')
    path.chmod(0o755)


def remove() -> None:
    """Make it unknown again."""
    _path().unlink(missing_ok=True)


def _path() -> Path:
    config = os.environ.get("DOCKER_CONFIG") or str(Path.home() / ".docker")
    return Path(config) / "cli-plugins" / f"docker-{NAME}"
