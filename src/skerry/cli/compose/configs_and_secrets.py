"""The configs and secrets of a file, with their contents."""

from __future__ import annotations

import base64
from pathlib import Path

from skerry.cli.compose.container_spec import given
from skerry.cli.compose.mounts import texts
from skerry.cli.compose.project import Project
from skerry.cli.compose.refusal import sentence
from skerry.model.labels import STACK
from skerry.model.objects import Raw


def created(project: Project, section: str, refusals: list[str]) -> list[Raw]:
    """Specs of the configs or secrets that are not external; what can't be read is added to `refusals`."""
    specs = []
    for name, entry in sorted((project.model.get(section) or {}).items()):
        if entry.get("external"):
            continue
        driver = entry.get("driver")
        try:
            data = b"" if driver else _content(project, entry)
        except OSError as error:
            refusals.append(sentence(project, (section, name, "file"), f"{entry['file']}: {error.strerror}"))
            continue
        template = entry.get("template_driver")
        specs.append(
            given(
                {
                    "Name": entry.get("name") or name,
                    "Labels": {**(entry.get("labels") or {}), STACK: project.name},
                    "Data": base64.b64encode(data).decode(),
                    "Templating": {"Name": template} if template else None,
                    "Driver": {"Name": driver, "Options": texts(entry.get("driver_opts"))}
                    if driver
                    else None,
                }
            )
        )
    return specs


def _content(project: Project, entry: Raw) -> bytes:
    if variable := entry.get("environment"):
        return project.values[variable].encode()
    if (content := entry.get("content")) is not None:
        return str(content).encode()
    return Path(entry["file"]).read_bytes()


def names(project: Project, section: str) -> dict[str, str]:
    """What the configs or secrets of the file are called in the swarm."""
    return {name: entry.get("name") or name for name, entry in (project.model.get(section) or {}).items()}
