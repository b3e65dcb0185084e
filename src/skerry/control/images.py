"""Images that only this node has, pinned to their content.

A registry turns a tag into a digest, and the docker CLI writes that into the spec. Nobody does it for a tag
that was built here, so the spec keeps its content beside the tag, under a key that no client sees: a task
runs what the tag meant when the spec was written, and a rebuilt tag is a change. A client that sends the
tag again, because it sends the whole spec for a label, means no new content; one that changes what the
tasks run does, and so does one that names the content (as the CLI does after asking `/distribution`).

An engine with containerd's image store has a digest for every image, and does not tell whether a registry
has it too. There the digest stays beside the tag, and the content is kept as well: an image whose tag has
moved on is found by nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

from skerry.model.objects import Raw
from skerry.model.specs import CONTENT


class Content(NamedTuple):
    """What a reference means on this node: how it is shown, and the image's ID."""

    image: str
    id: str


def pinned(spec: Raw, content: Content | None, before: Raw | None = None) -> Raw:
    """The converted spec with its image pinned; `before` is the service's spec until now.

    `content` is None for an image that is not here, or that a registry has too.
    """
    sent = reference_of(spec)
    if before is not None and _work(spec) == _work(before):
        return _with(spec, sent, before["TaskTemplate"]["ContainerSpec"].get(CONTENT, ""))
    if content is None:
        return _with(spec, sent, "")
    as_before = before is not None and sent == reference_of(before)
    return _with(spec, sent if as_before else content.image, content.id)


def stays(spec: Raw, before: Raw) -> bool:
    """Whether a spec keeps the image of the spec before, whatever its reference means by now: it leaves the
    tasks as they are, as far as the user's own words go, and names no content."""
    return "@" not in reference_of(spec) and _work(spec) == _work(before)


def reference_of(spec: Raw) -> str:
    """The image that a converted spec names."""
    return str(spec["TaskTemplate"]["ContainerSpec"].get("Image", ""))


def _with(spec: Raw, image: str, content: str) -> Raw:
    template = spec["TaskTemplate"]
    container = {key: value for key, value in template["ContainerSpec"].items() if key != CONTENT}
    if image:
        container["Image"] = image
    if content:
        container[CONTENT] = content
    return {**spec, "TaskTemplate": {**template, "ContainerSpec": container}}


def _work(spec: Raw) -> Raw:
    template = spec["TaskTemplate"]
    container = {key: value for key, value in template["ContainerSpec"].items() if key != CONTENT}
    return {**template, "ContainerSpec": container, "Placement": None}
