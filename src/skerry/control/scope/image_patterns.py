"""Patterns of images: `registry.local/shop/*`, `nginx`, `ghcr.io/team/app:1.*`.

An image is compared by its full name (`nginx` is `docker.io/library/nginx`). A pattern with a tag is one for
name and tag, one without a tag lets any tag and any digest pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from skerry.control.reference import is_reference


def allowed(reference: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns lets an image pass."""
    if not is_reference(reference):
        return False
    name, tag = _parts(reference.partition("@")[0])
    return any(_fits(name, tag, pattern) for pattern in patterns)


def _fits(name: str, tag: str, pattern: str) -> bool:
    wanted_name, wanted_tag = _parts(pattern)
    return _matches(name, wanted_name) and (not wanted_tag or _matches(tag or "latest", wanted_tag))


def _matches(text: str, pattern: str) -> bool:
    """Only `*` means something else than itself: any characters, or none."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None


def _parts(reference: str) -> tuple[str, str]:
    """The full name of a reference or a pattern, and its tag."""
    before, colon, after = reference.rpartition(":")
    name, tag = (before, after) if colon and "/" not in after else (reference, "")
    first, slash, rest = name.partition("/")
    if name == "*":
        return name, tag
    if not slash or ("." not in first and ":" not in first and "*" not in first and first != "localhost"):
        first, rest = "docker.io", name
    if first in ("docker.io", "index.docker.io"):
        first, rest = "docker.io", rest if "/" in rest else f"library/{rest}"
    return f"{first}/{rest}", tag
