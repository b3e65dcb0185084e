"""The engine's own endpoints that others than an administrator may ask: everything else of it is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

from skerry.control.scope.endpoint_access import ADMIN_ONLY, EVERYBODY, Access, Deploy, of


@dataclass(frozen=True)
class Passed:
    """One row; what stands for `{ref}` in the path is what is asked about."""

    method: str
    path: str
    access: Access

    def ref(self, method: str, path: str) -> str | None:
        """What a request asks about, or None where it is another endpoint's."""
        pattern = "(?P<ref>.+)".join(map(re.escape, self.path.split("{ref}")))
        match = re.fullmatch(pattern, path) if method == self.method else None
        return None if match is None else match.groupdict().get("ref", "")


PASSED = [
    Passed("GET", "/version", EVERYBODY),
    Passed("GET", "/images/json", of("image", Deploy.NOTHING, read=True)),
    Passed("GET", "/images/{ref}/json", of("image", Deploy.IMAGE)),
]


def find(method: str, path: str) -> tuple[Access, str]:
    """The row of a request, and what it asks about."""
    for row in PASSED:
        if (ref := row.ref(method, path)) is not None:
            return row.access, ref
    return ADMIN_ONLY, ""
