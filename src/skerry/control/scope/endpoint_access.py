"""The column of the table of endpoints that says who beside an administrator may ask one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

Kind = Literal[
    "",
    "service",
    "revision",
    "task",
    "config",
    "secret",
    "network",
    "node",
    "container",
    "image",
    "event",
    "status",
    "stack",
    "release",
    "subject",
    "chronicle",
]
"""A `revision` is one of the service that the path names, a `release` one of the stack that it names. A
`subject` is a stack, a service or a task, by whichever of their names; the `chronicle` is what
`skerry events` shows."""


class Deploy(Enum):
    """What who may deploy one stack may ask of an endpoint."""

    NOTHING = "nothing"
    ANYTHING = "anything"
    """It tells nothing of other stacks, and changes nothing."""
    LIST = "list"
    """It lists, and what is not the stack's is left out."""
    SEE = "see"
    """It shows the object that the path names, which has to be the stack's, or a network that it may join."""
    CHANGE = "change"
    """It changes the object that the path names, which has to be the stack's, to what the body says."""
    CREATE = "create"
    """It makes what the body says."""
    RETURN = "return"
    """It takes the stack or the service that the path names back to what the query names."""
    IMAGE = "image"
    """It tells of the image that the path names, which has to be one that the stack may run."""


@dataclass(frozen=True)
class Access:
    """Who may ask an endpoint that is about objects of a kind. An administrator may ask any."""

    kind: Kind = ""
    read: bool = False
    """Whether who may see everything may ask it."""
    deploy: Deploy = Deploy.NOTHING


ADMIN_ONLY = Access()
UNDECIDED = Access()
"""The same, where nobody has thought about it yet."""
EVERYBODY = Access(read=True, deploy=Deploy.ANYTHING)


def of(kind: Kind, deploy: Deploy, *, read: bool = False) -> Access:
    """An endpoint about objects of a kind. Whoever may see everything may ask it where others see their own,
    or where that is said."""
    return Access(kind, read=read or deploy in (Deploy.LIST, Deploy.SEE), deploy=deploy)
