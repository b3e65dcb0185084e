"""Templates, and what a genuine Swarm (20.10.24) made of each: `templates.json`.

The service is `web` with LABELS, the task its first one. The IDs are these, each as long as a real one.
`tests/semantics/test_templates.py` asks a genuine one again.
"""

from __future__ import annotations

import json
from pathlib import Path

SERVICE_ID = "SERVICE_ID_00000000000000"
NODE_ID = "NODE_ID_00000000000000000"
TASK_ID = "TASK_ID_00000000000000000"
LABELS = {"a": "b", "n": "", "x": "<é\"'&>"}

_TABLE: dict[str, list[tuple[str, str]]] = json.loads(
    (Path(__file__).parent / "templates.json").read_text(encoding="utf-8")
)
FILLED = [(text, answer) for text, answer in _TABLE["filled"]]
REFUSED = [(text, words) for text, words in _TABLE["refused"]]
"""Refused when the service is created, with these words."""
