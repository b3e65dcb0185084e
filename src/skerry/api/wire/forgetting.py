"""What was forgotten, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from skerry.control.prune import Pruned
from skerry.core.view import View
from skerry.model.files import KeptConfig
from skerry.model.objects import Raw


def pruned(view: View, gone: Pruned, images: Mapping[str, int], files: Mapping[Path, int]) -> Raw:
    """What went, by kind, and the bytes that it took."""
    names = {service.id: service.name for service in view.services.values()}
    configs = [file for file in gone.files if isinstance(file, KeptConfig)]
    return {
        "Revisions": [f"{names.get(row.service_id, row.service_id)} {row.number}" for row in gone.revisions],
        "Releases": [f"{row.stack} {row.number}" for row in gone.releases],
        "Configs": [file.name for file in configs],
        "Secrets": [file.name for file in gone.files if file not in configs],
        "Images": list(images),
        "Files": [str(path) for path in files],
        "SpaceReclaimed": sum((*images.values(), *files.values(), *(len(file.data) for file in gone.files))),
    }
