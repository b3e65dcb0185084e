"""Requests to a socket, ours or a genuine engine's, in one version of the API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.net import run


def ask(socket: Path, method: str, path: str, body: object = None) -> Any:
    """The answer's JSON, or its text."""
    data = ["-H", "Content-Type: application/json", "-d", json.dumps(body)] if body is not None else []
    line = ["curl", "-s", "-X", method, *data, "--unix-socket", str(socket), f"http://d/v1.41{path}"]
    said = run(*line, timeout=120)
    try:
        return json.loads(said)
    except ValueError:
        return said
