"""`python -m demo`: the story from the command line. Exits 1 if a request failed or a step did."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path

from demo.ending import end_in_order
from demo.ground import claim, free_port, own_network
from demo.images import base_tar
from demo.settings import CHECKOUT, Settings
from demo.shell import Shell, StepFailed, say
from demo.steps import STEPS
from demo.story import run_story


def main() -> int:
    """Read the arguments, tell the story."""
    settings = _settings()
    if os.geteuid() != 0:
        say("the demo starts a Docker engine and its network: as root, please")
        return 1
    end_in_order()
    try:
        return _tell(settings)
    except StepFailed as failed:
        say(str(failed))
    except KeyboardInterrupt:
        say("interrupted")
    return 1


def _settings() -> Settings:
    usual = Settings(port=int(os.environ.get("PORT", "80")))
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--port", type=int, default=usual.port, help="the published port (or PORT)")
    parser.add_argument("--host", default=usual.host, help="the address that clients ask")
    parser.add_argument("--run-dir", type=Path, default=usual.run_dir)
    parser.add_argument("--data-dir", type=Path, default=usual.data_dir)
    parser.add_argument("--name", default=usual.name, help="the skerry instance")
    parser.add_argument("--here", action="store_true", help="in this network namespace, not one of its own")
    parser.add_argument("--client-netns", default="", help="a network namespace for the clients")
    parser.add_argument("--short", action="store_true", help="deploy, two updates and a rollback")
    parser.add_argument("--result", type=Path, help="write the figures there, as JSON")
    return replace(usual, **vars(parser.parse_args()))


def _tell(settings: Settings) -> int:
    shell = Shell(CHECKOUT, os.environ)
    claim(settings, shell)
    base_tar()  # now, since the archive can't be reached from a network of our own
    network = contextlib.nullcontext() if settings.here else own_network(settings.name, shell)
    with network:
        free_port(settings.port)
        if not settings.here:
            say(f"the demo's network is the namespace {settings.name}; to look in while it goes on:")
            say(f"  ip netns exec {settings.name} curl {settings.url}")
        result = run_story(settings, STEPS)
    if settings.result is not None:
        settings.result.write_text(json.dumps(asdict(result)))
    return 1 if result.problems else 0


if __name__ == "__main__":
    sys.exit(main())
