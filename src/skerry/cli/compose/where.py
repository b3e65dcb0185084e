"""Where in the files something stands: Compose says it for what it refuses, not for what it accepts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

STANDARD_INPUT = "standard input"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""That of libyaml, where PyYAML has it: it takes a tenth of the time."""


@dataclass(frozen=True)
class SourceFile:
    """One file of a project: how it is called, and its text."""

    name: str
    text: str


class KeyLocations:
    """Finds a key, given as a path such as `services.web.ports`, in the last file that has it."""

    def __init__(self, files: Sequence[SourceFile]) -> None:
        trees = [(file.name, _parsed(file.text)) for file in files]
        self._trees = [(name, tree) for name, tree in trees if tree is not None]
        self._broken = next((name for name, tree in trees if tree is None), "")

    @property
    def broken(self) -> str:
        """The first file that is no YAML, if one is not."""
        return self._broken

    def of(self, path: Sequence[str]) -> str:
        """`compose.yaml:12`; of what it stands in where no file has it itself, as in a short form or when it
        came from another file by `extends`; empty where that is nowhere either."""
        for length in range(len(path), min(1, len(path) - 1), -1):
            for name, tree in reversed(self._trees):
                if line := _line(tree, path[:length]):
                    return f"{name}:{line}"
        return ""


def read_files(names: Sequence[str], standard_input: str | None) -> list[SourceFile]:
    """The files, and those that they include; one that can't be read is Compose's affair."""
    files: list[SourceFile] = []
    for name in names:
        text = standard_input if name == "-" else _text(Path(name))
        if text is None:
            continue
        folder = Path() if name == "-" else Path(name).parent
        included = [str(folder / path) for path in _included(_parsed(text))]
        known = {file.name for file in files}
        files += read_files([path for path in included if path not in known | {name}], None)
        files.append(SourceFile(STANDARD_INPUT if name == "-" else name, text))
    return files


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _included(tree: yaml.Node | None) -> Iterator[str]:
    """Paths below `include`, of both its forms."""
    entry = _child(tree, "include")
    for item in entry.value if isinstance(entry, yaml.SequenceNode) else ():
        path = _child(item, "path") if isinstance(item, yaml.MappingNode) else item
        nodes = path.value if isinstance(path, yaml.SequenceNode) else [path]
        yield from (str(node.value) for node in nodes if isinstance(node, yaml.ScalarNode))


def _parsed(text: str) -> yaml.Node | None:
    """Composes nodes only; tags such as `!reset` are not looked at."""
    loader = LOADER(text)
    try:
        node: Any = loader.get_single_node()
        return node if isinstance(node, yaml.Node) else None
    except yaml.YAMLError:
        return None
    finally:
        loader.dispose()


def _child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    for name, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if name.value == key:
            return value  # type: ignore[no-any-return]
    return None


def _line(tree: yaml.Node, path: Sequence[str]) -> int:
    """The line of the last key of the path, counted from one; 0 where it is not there."""
    node: yaml.Node | None = tree
    line = 0
    for key in path:
        entries = node.value if isinstance(node, yaml.MappingNode) else []
        match = next(((name, value) for name, value in entries if name.value == key), None)
        if match is None:
            return 0
        line, node = match[0].start_mark.line + 1, match[1]
    return line
