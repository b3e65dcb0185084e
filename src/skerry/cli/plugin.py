"""`docker skerry …`: the same command as a plugin of the docker CLI.

The docker CLI asks a plugin who it is by the word METADATA, and else calls it with its own arguments, where
the plugin's name comes first but for options of its own.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

from skerry import __version__

METADATA = "docker-cli-plugin-metadata"
NAME = "skerry"


def main() -> None:
    """Answer the docker CLI, or be the command."""
    words = sys.argv[1:]
    if words[:1] == [METADATA]:
        print(_metadata())  # noqa: T201 (the answer)
        return
    from skerry.cli.main import main as command

    command(words[words.index(NAME) + 1 :] if NAME in words else words, prog_name=f"docker {NAME}")


def _metadata() -> str:
    return json.dumps(
        {
            "SchemaVersion": "0.1.0",
            "Vendor": "The skerry maintainers",
            "Version": __version__,
            "ShortDescription": "All of Docker Swarm mode on one server",
        }
    )


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


if __name__ == "__main__":
    main()
