"""The unlock key of a swarm with autolock: `SWMKEY-1-` and 32 bytes in base 64, as Swarm writes them.

It wraps the key of the state (RFC 3394), which is then nowhere on the disk in the clear.
"""

from __future__ import annotations

import base64
import binascii
import os

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from skerry.model.errors import InvalidParameter
from skerry.store.crypt import KEY_BYTES, WrongKey

PREFIX = "SWMKEY-1-"


def new_unlock_key() -> str:
    """A new unlock key."""
    return PREFIX + base64.b64encode(os.urandom(KEY_BYTES)).decode().rstrip("=")


def read_unlock_key(text: str) -> bytes:
    """The bytes of an unlock key, as many as they may be. Raises InvalidParameter where it is none."""
    digits = text.removeprefix(PREFIX).replace("\r", "").replace("\n", "")  # which Go's decoder skips, too
    try:
        if not text.startswith(PREFIX) or "=" in digits:
            raise ValueError
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise InvalidParameter("invalid key string") from None


def wrap(unlock_key: str, key: bytes) -> bytes:
    """The key of a state, to be opened with the unlock key alone."""
    return aes_key_wrap(read_unlock_key(unlock_key), key)


def unwrap(unlock_key: str, wrapped: bytes) -> bytes:
    """The key that `wrap` was given. Raises WrongKey; InvalidParameter where the text is no unlock key."""
    kek = read_unlock_key(unlock_key)
    try:
        return aes_key_unwrap(kek, wrapped)
    except (InvalidUnwrap, ValueError) as error:
        raise WrongKey("the state does not open with this unlock key") from error
