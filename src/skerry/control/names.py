"""Names: what may be one, and one for a service that was created without."""

from __future__ import annotations

import re
import secrets

from skerry.model.errors import RpcError

DNS_NAME = re.compile(r"[a-zA-Z0-9](?:[-_]*[A-Za-z0-9])*")
FILE_NAME = re.compile(r"[a-zA-Z0-9]+(?:[a-zA-Z0-9-_.]*[a-zA-Z0-9])?")

ADJECTIVES = (
    "amber", "brisk", "calm", "dapper", "eager", "fluent", "gentle", "hearty", "idle", "jolly", "keen",
    "lucid", "mellow", "nimble", "opal", "patient", "quiet", "ready", "steady", "tidy", "upbeat", "vivid",
    "warm", "young", "zesty",
)  # fmt: skip
SURNAMES = (
    "abel", "bose", "cantor", "dirac", "euler", "fermat", "gauss", "hopper", "ising", "jacobi", "kepler",
    "lovelace", "meitner", "noether", "ohm", "pascal", "quine", "ritz", "shannon", "turing", "ulam", "volta",
    "wiles", "young", "zuse",
)  # fmt: skip


def check_name(name: str) -> None:
    """A service's or network's name, which is a DNS label. Raises RpcError InvalidArgument."""
    if not name:
        raise RpcError("InvalidArgument", "meta: name must be provided")
    if not DNS_NAME.fullmatch(name):
        raise RpcError("InvalidArgument", "name must be valid as a DNS name component")
    if len(name) > 63:
        raise RpcError("InvalidArgument", "name must be 63 characters or fewer")


def check_file_name(name: str) -> None:
    """A config's or secret's name. Raises RpcError InvalidArgument."""
    if not name:
        raise RpcError("InvalidArgument", "name must be provided")
    if len(name) > 64 or not FILE_NAME.fullmatch(name):
        raise RpcError(
            "InvalidArgument",
            "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must "
            "be [a-zA-Z0-9]",
        )


def random_name() -> str:
    """An `adjective_surname`, as the engine gives to containers."""
    return f"{secrets.choice(ADJECTIVES)}_{secrets.choice(SURNAMES)}"
