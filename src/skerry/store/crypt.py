"""Encryption at rest: AES-256-GCM, as a rule with a key file that lies beside the database.

What that protects is a copy of the database alone (a backup, a disk image of that one file). Whoever can read
the key file too can read everything; with autolock (`skerry.store.lock`) there is none.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from skerry.model.errors import SkerryError

KEY_BYTES = 32
NONCE_BYTES = 12


class WrongKey(SkerryError):
    """What was encrypted does not open with this key, or was changed."""


def new_key() -> bytes:
    """A random key."""
    return AESGCM.generate_key(bit_length=KEY_BYTES * 8)


def load_key(path: Path) -> bytes:
    """The key in `path`; at the first start it is made, with mode 0600, whole or not at all.

    Raises SkerryError where the file is there and is not a key.
    """
    with suppress(FileExistsError):
        if not path.exists():
            write_key(path, new_key())
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise SkerryError(
            f"{path} is no key: it has {len(key)} bytes and not {KEY_BYTES}. Restore it from a backup; "
            "without it, the secrets in the database can't be read."
        )
    return key


def write_key(path: Path, key: bytes) -> None:
    """Link a finished file into place: a crash leaves no half of a key, a second starter no second one.

    Raises FileExistsError where there is one.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
        sync_directory(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def sync_directory(path: Path) -> None:
    """Have the names in a directory on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def seal(key: bytes, plain: bytes, place: str) -> bytes:
    """Encrypt; `place` says where it belongs, and it opens nowhere else."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, place.encode())


def unseal(key: bytes, sealed: bytes, place: str) -> bytes:
    """Decrypt what `seal` made for the same place. Raises WrongKey."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
    except (InvalidTag, ValueError) as error:
        raise WrongKey(f"{place} does not open with this key") from error
