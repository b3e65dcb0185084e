"""What a user may do at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from skerry.model.errors import InvalidParameter

Kind = Literal["admin", "read", "deploy"]
_STACK = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?")


@dataclass(frozen=True)
class Role:
    """`admin` may do everything, `read` see everything but what is secret, `deploy` have one stack."""

    kind: Kind
    stack: str = ""
    images: tuple[str, ...] = ()
    """Patterns of the images that the stack may run."""
    networks: tuple[str, ...] = ()
    """Patterns of the networks of others that its services may join."""

    def __str__(self) -> str:
        return f"{self.kind}:{self.stack}" if self.stack else self.kind


ADMIN = Role("admin")


def read_role(text: str, images: tuple[str, ...] = (), networks: tuple[str, ...] = ()) -> Role:
    """The role of a text such as `deploy:shop`. Raises InvalidParameter where there is none of that name."""
    kind, colon, stack = text.partition(":")
    if kind == "deploy":
        return _deploy(stack, images, networks)
    if colon or kind not in ("admin", "read"):
        raise InvalidParameter(f'there is no role "{text}": it is admin, read or deploy:STACK')
    if images or networks:
        raise InvalidParameter(f"--image and --network go with deploy:STACK, and not with {kind}")
    return Role("admin" if kind == "admin" else "read")


def _deploy(stack: str, images: tuple[str, ...], networks: tuple[str, ...]) -> Role:
    if not _STACK.fullmatch(stack):
        raise InvalidParameter(f'"{stack}" is no name of a stack: say which one, as in deploy:shop')
    if not images or not all(images):
        raise InvalidParameter("say which images the stack may run, as in --image 'registry.local/shop/*'")
    if not all(networks):
        raise InvalidParameter("a pattern of networks is empty")
    return Role("deploy", stack, images, networks)
