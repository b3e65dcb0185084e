"""`python -m demo`: the story from the command line. Exits 1 if a request failed or a step did."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path

from demo.settings import Settings
from demo.shell import say
from demo.steps import STEPS
from demo.story import run_story


def main() -> int:
    """Read the arguments, tell the story."""
    usual = Settings(port=int(os.environ.get("PORT", "80")))
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--port", type=int, default=usual.port, help="the published port (or PORT)")
    parser.add_argument("--host", default=usual.host, help="the address that clients ask")
    parser.add_argument("--run-dir", type=Path, default=usual.run_dir)
    parser.add_argument("--data-dir", type=Path, default=usual.data_dir)
    parser.add_argument("--name", default=usual.name, help="the skerry instance")
    parser.add_argument("--engine", default="", help="the engine that skerry is to use")
    parser.add_argument("--client-netns", default="", help="a network namespace for the clients")
    parser.add_argument("--short", action="store_true", help="deploy, two updates and a rollback")
    parser.add_argument("--result", type=Path, help="write the figures there, as JSON")
    options = parser.parse_args()
    if os.geteuid() != 0:
        say("the demo starts a Docker engine and its network: as root, please")
        return 1
    settings = replace(usual, **vars(options))
    result = run_story(settings, STEPS)
    if settings.result is not None:
        settings.result.write_text(json.dumps(asdict(result)))
    return 1 if result.problems else 0


if __name__ == "__main__":
    sys.exit(main())
