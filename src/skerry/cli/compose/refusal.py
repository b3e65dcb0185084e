"""What a file asks for, and can't be: sentences with place, thing and key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from skerry.cli.compose.keys import refused_uses, unknown_uses
from skerry.cli.compose.project import Project

KINDS = {
    "services": "service",
    "networks": "network",
    "volumes": "volume",
    "configs": "config",
    "secrets": "secret",
}


class Refusals(Exception):
    """A file that can't be deployed; `sentences` say why, each with its place."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.sentences = list(dict.fromkeys(sentences))
        super().__init__("\n".join(self.sentences))


def sentence(project: Project, path: Sequence[str], why: str) -> str:
    """`compose.yaml:7: service web: ports.host_ip: …`, of a key by its path in the file."""
    place = project.places.of(path)
    section, *rest = path
    kind = KINDS.get(section)
    words = [f"{kind} {rest[0]}", ".".join(rest[1:])] if kind and rest else [".".join(path)]
    return ": ".join(word for word in (place, *words, why) if word)


def check(project: Project) -> None:
    """Raises Refusals for every key of the project that can't be."""
    model = project.model
    refused = [sentence(project, use.path, use.key.refused) for use in refused_uses(model)]
    unknown = [
        sentence(project, path, "this skerry does not know the key; take it out, or prefix it with x-")
        for path in unknown_uses(model)
    ]
    if refused or unknown:
        raise Refusals([*refused, *unknown])
