"""What is recorded: sessions as users have them, in the order in which they are run on one engine.

A line is a command of the docker CLI, `sdk:` and a statement with `client`, or `METHOD TARGET [BODY]`.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "commands"


def sessions() -> dict[str, list[str]]:
    """The commands of each session, by its name."""
    return {path.stem: _lines(path.read_text()) for path in sorted(FOLDER.glob("*.txt"))}


def _lines(text: str) -> list[str]:
    return [line for line in text.replace("\\\n", "").splitlines() if line and not line.startswith("#")]
