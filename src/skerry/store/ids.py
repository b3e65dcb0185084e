"""Object IDs: 25 characters of base 36, as swarmkit's."""

from __future__ import annotations

import secrets
import string

ALPHABET = string.digits + string.ascii_lowercase
LENGTH = 25


def new_id() -> str:
    """A random ID; 129 bits, so nobody looks whether it is taken."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
