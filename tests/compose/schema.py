"""Compose's own schema of its files, which its binary carries: every key, as `cli.compose.keys` writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

MARK = b'"$id": "compose_spec.json"'
ANY_NAME = "*"


@lru_cache(1)
def schema(binary: str) -> dict[str, Any]:
    """The JSON schema within a binary of Compose."""
    content = Path(binary).read_bytes()
    begin = content.rfind(b"{\n", 0, content.index(MARK))
    text = content[begin : begin + (1 << 20)].decode(errors="replace")
    decoded: dict[str, Any] = json.JSONDecoder().raw_decode(text)[0]
    return decoded


def paths(whole: dict[str, Any]) -> set[str]:
    """Every key's path."""
    return {".".join(path) for path in _paths(whole, whole, ())}


def _paths(node: Any, whole: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not isinstance(node, dict):
        return
    if "$ref" in node:
        yield from _paths(whole["$defs"][node["$ref"].rpartition("/")[2]], whole, path)
    for word in ("oneOf", "anyOf", "allOf"):
        for choice in node.get(word, ()):
            yield from _paths(choice, whole, path)
    yield from _paths(node.get("items"), whole, path)
    for name, inner in node.get("properties", {}).items():
        yield (*path, name)
        yield from _paths(inner, whole, (*path, name))
    for pattern, inner in node.get("patternProperties", {}).items():
        if pattern != "^x-" and _has_keys(inner, whole):
            yield from _paths(inner, whole, (*path, ANY_NAME))


def _has_keys(node: dict[str, Any], whole: dict[str, Any]) -> bool:
    """Whether there are keys below a name that the user chooses, not only a value."""
    return next(_paths(node, whole, ()), None) is not None
