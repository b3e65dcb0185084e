"""What an image's name says of its registry, as Docker reads it."""

from __future__ import annotations

HUB = "docker.io"
HUB_KEY = "https://index.docker.io/v1/"
"""What Docker Hub is called where credentials are kept."""


def split(image: str) -> tuple[str, str]:
    """Domain and rest: a first part with a dot or a colon, or `localhost`, is a domain."""
    first, slash, rest = image.partition("/")
    if not slash or ("." not in first and ":" not in first and first != "localhost"):
        return HUB, image
    return (HUB if first == "index.docker.io" else first), rest


def key_of(image: str) -> str:
    """By what the credentials for an image's registry are kept, in the docker CLI's file and in
    `X-Registry-Config`."""
    domain, _ = split(image)
    return HUB_KEY if domain == HUB else domain
