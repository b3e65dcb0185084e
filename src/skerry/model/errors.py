"""Errors that reach the client: each class is one HTTP status (`skerry.api.responses` has the table).

`Rpc` errors are those which Swarm's own control API raises: their text carries the gRPC code, and tools
look for parts of it.
"""

from __future__ import annotations


class SkerryError(Exception):
    """The root: 500 unless a subclass says otherwise. The text is what the client reads."""

    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidParameter(SkerryError):
    """The request cannot be meant."""

    status = 400


class Unauthorized(SkerryError):
    """Not with this key."""

    status = 401


class Forbidden(SkerryError):
    """Understood, and not allowed."""

    status = 403


class NotFound(SkerryError):
    """No such object."""

    status = 404


class Conflict(SkerryError):
    """In the way of something that exists."""

    status = 409


class NotImplementedHere(SkerryError):
    """A part of Docker that skerry does not have."""

    status = 501


class Unavailable(SkerryError):
    """Not in a swarm, or not now."""

    status = 503


class NetworkError(SkerryError):
    """A rule, a link or the gate could not be set up; the text says which and why."""


class InvariantBroken(SkerryError):
    """What must never be is so: the process ends, and begins anew from what is stored."""


RPC_STATUS = {
    "InvalidArgument": 400,
    "FailedPrecondition": 400,
    "OutOfRange": 400,
    "Unauthenticated": 401,
    "PermissionDenied": 403,
    "NotFound": 404,
    "AlreadyExists": 409,
    "Unimplemented": 501,
    "Unavailable": 503,
    "Unknown": 500,
    "Internal": 500,
}


class RpcError(SkerryError):
    """An error of Swarm's control API: `rpc error: code = CODE desc = TEXT`."""

    def __init__(self, code: str, desc: str) -> None:
        super().__init__(f"rpc error: code = {code} desc = {desc}")
        self.status = RPC_STATUS[code]


def out_of_sequence() -> RpcError:
    """A stale version: 500, as moby lets this one through unmapped and clients look for the text."""
    return RpcError("Unknown", "update out of sequence")
