"""The grammar of image references: `[domain/]path[:tag][@digest]`, as Docker normalises and parses them."""

from __future__ import annotations

import re

from skerry.model.image_name import HUB, split

COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
DOMAIN = rf"{LABEL}(?:\.{LABEL})*(?::[0-9]+)?"
TAG = r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}"
DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
REFERENCE = re.compile(rf"({DOMAIN}/{COMPONENT}(?:/{COMPONENT})*)(?::({TAG}))?(?:@({DIGEST}))?")

IMAGE_ID = re.compile(r"[a-f0-9]{64}")
DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
LONGEST_NAME = 255
LONGEST = 1024
"""Beyond this nothing is a reference: a name, a tag of 128 and a digest of 135 characters fit well."""


def is_reference(image: str) -> bool:
    """Whether an image may be called so. A bare 64-digit image ID may not."""
    if len(image) > LONGEST or IMAGE_ID.fullmatch(image):
        return False
    domain, path = split(image)
    if domain == HUB and "/" not in path:
        path = f"library/{path}"
    match = REFERENCE.fullmatch(f"{domain}/{path}")
    if match is None or len(match[1]) > LONGEST_NAME:
        return False
    return match[3] is None or _is_digest(match[3])


def _is_digest(digest: str) -> bool:
    algorithm, _, digits = digest.partition(":")
    return len(digits) == DIGEST_LENGTHS.get(algorithm) and re.fullmatch(r"[a-f0-9]+", digits) is not None
