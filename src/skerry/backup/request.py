"""What somebody wants in a backup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FREEZE_S = 10.0
"""So long writers may stand still, unless somebody says otherwise: most clients wait for half a minute."""


@dataclass(frozen=True)
class BackupRequest:
    """`stacks` are those whose volumes and images are wanted; none named: of all services."""

    stacks: tuple[str, ...] = ()
    volumes: bool = False
    images: bool = False
    quiesce: bool = False
    """Whether whoever writes to the volumes stands still for the last moment of their copy."""
    freeze_s: float = FREEZE_S
    key: Literal["", "yes", "no"] = ""
    """Whether the key of what is secret comes too. "": refused where there is one."""
