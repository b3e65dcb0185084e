"""`docker skerry …`: the same command as a plugin of the docker CLI.

The docker CLI asks a plugin who it is by the word METADATA, and else calls it with its own arguments, where
the plugin's name comes first but for options of its own.
"""

from __future__ import annotations

import json
import sys

from skerry import __version__
from skerry.cli.plugin_file import NAME

METADATA = "docker-cli-plugin-metadata"


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


if __name__ == "__main__":
    main()
