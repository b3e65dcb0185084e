"""What a service waits for before its tasks start: the value of the label `skerry.depends_on`.

`db:healthy, migrate:completed, cache:started?` names services of the same stack, each with its condition. `?`
behind it: it need not be there. `!`: when it is rolled, this service is restarted with it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

STARTED, HEALTHY, COMPLETED = "started", "healthy", "completed"
CONDITIONS = (STARTED, HEALTHY, COMPLETED)

_ENTRY = re.compile(r"([a-zA-Z0-9][a-zA-Z0-9_.-]*)(?::([a-z]+))?([?!]{0,2})")


class Dependency(Struct, frozen=True):
    """One service that another one waits for."""

    service: str
    """Its name as the compose file has it, without the stack's."""
    condition: str = STARTED
    required: bool = True
    restart: bool = False
    """Whether who waits for it is restarted whenever it is rolled."""


@lru_cache(maxsize=4096)
def read_dependencies(text: str) -> tuple[Dependency, ...]:
    """The dependencies in a label's value. Raises ValueError with a sentence for the user."""
    dependencies = tuple(_read(entry.strip()) for entry in text.split(",") if entry.strip())
    names = [dependency.service for dependency in dependencies]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name} stands there twice")
    return dependencies


def _read(entry: str) -> Dependency:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise ValueError(f'"{entry}" is no dependency: it is a service\'s name, a colon and a condition')
    name, condition, signs = match[1], match[2] or STARTED, match[3]
    if condition not in CONDITIONS:
        raise ValueError(f'"{condition}" of "{entry}" is none of started, healthy and completed')
    return Dependency(name, condition, required="?" not in signs, restart="!" in signs)
